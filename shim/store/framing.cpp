// Cutting and rendering of JSON streams. See framing.h.
#include "shim/store/framing.h"

namespace recshim::store {
namespace {

// The line at `from` without its end; next: the start of the following line. ended: false
// for a last line without a line feed.
std::string_view line_at(std::string_view text, size_t from, size_t& next, bool& ended) {
  const size_t end = text.find('\n', from);
  ended = end != std::string_view::npos;
  next = ended ? end + 1 : text.size();
  std::string_view line = text.substr(from, (ended ? end : text.size()) - from);
  if (ended && line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view field_value(std::string_view line, size_t name_size) {
  line.remove_prefix(name_size);
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

Piece sse_piece(std::string_view raw, std::string_view data_line, const std::string& data,
                std::string_view event, size_t data_lines) {
  Piece piece;
  piece.raw = raw;
  piece.event = event;
  if (data_lines == 1) {
    piece.json = parse_json(data_line);
    piece.json_text = data_line;
  } else if (data_lines > 1) {
    piece.json = parse_json(data);
  }
  // Scalars are not chunks of any API; a bare number or "[DONE]" is kept as text.
  if (piece.json && !piece.json->is_object()) piece.json.reset();
  return piece;
}

std::vector<Piece> cut_sse(std::string_view text) {
  std::vector<Piece> pieces;
  size_t start = 0;
  size_t at = 0;
  std::string_view data_line;
  std::string data;
  std::string_view event;
  size_t data_lines = 0;
  while (at < text.size()) {
    size_t next = 0;
    bool ended = false;
    const std::string_view line = line_at(text, at, next, ended);
    at = next;
    if (line.empty() && ended) {
      pieces.push_back(
          sse_piece(text.substr(start, at - start), data_line, data, event, data_lines));
      start = at;
      data.clear();
      event = {};
      data_lines = 0;
    } else if (line.starts_with("data:")) {
      data_line = field_value(line, 5);
      if (data_lines > 0) data += '\n';
      data += data_line;
      ++data_lines;
    } else if (line.starts_with("event:")) {
      event = field_value(line, 6);
    }
  }
  // What follows the last blank line was never dispatched: kept, not shown as a chunk.
  if (start < text.size()) pieces.push_back(Piece{text.substr(start), std::nullopt, {}, {}});
  return pieces;
}

std::vector<Piece> cut_lines(std::string_view text) {
  std::vector<Piece> pieces;
  size_t at = 0;
  while (at < text.size()) {
    size_t next = 0;
    bool ended = false;
    const std::string_view line = line_at(text, at, next, ended);
    Piece piece;
    piece.raw = text.substr(at, next - at);
    piece.json = parse_json(line);
    piece.json_text = line;
    if (piece.json && !piece.json->is_object()) piece.json.reset();
    pieces.push_back(std::move(piece));
    at = next;
  }
  return pieces;
}

}  // namespace

std::vector<Piece> cut(std::string_view text, StreamKind kind) {
  return kind == StreamKind::kSse ? cut_sse(text) : cut_lines(text);
}

Template template_of(const Piece& piece, StreamKind kind) {
  Template shape;
  shape.kind = kind;
  if (piece.raw.ends_with("\r\n")) shape.newline = "\r\n";
  if (kind == StreamKind::kSse) {
    shape.event_line = piece.raw.starts_with("event:");
    const size_t data = piece.raw.find("data:");
    shape.space = data != std::string_view::npos && piece.raw.substr(data + 5).starts_with(' ');
  }
  return shape;
}

std::string render(const Template& shape, const Json& value, std::string_view json_text) {
  std::string out;
  if (shape.kind == StreamKind::kLines) {
    out.append(json_text).append(shape.newline);
    return out;
  }
  const char* space = shape.space ? " " : "";
  if (shape.event_line && value.is_object()) {
    const auto type = value.find("type");
    if (type != value.end() && type->is_string()) {
      out.append("event:").append(space).append(type->get_ref<const std::string&>());
      out.append(shape.newline);
    }
  }
  out.append("data:").append(space).append(json_text).append(shape.newline).append(shape.newline);
  return out;
}

}  // namespace recshim::store
