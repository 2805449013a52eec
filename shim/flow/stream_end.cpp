// Recognises the last event of a stream. Owns no state.
#include "shim/flow/stream_end.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace recshim::flow {
namespace {

// A last event beyond this is not looked at (it holds the whole answer in some dialects).
constexpr uint64_t kTailBytes = uint64_t{8} << 20;

constexpr std::array<std::string_view, 4> kLastEvents = {"response.completed", "response.failed",
                                                         "response.incomplete", "message_stop"};

bool is_last_event(std::string_view type) {
  return std::find(kLastEvents.begin(), kLastEvents.end(), type) != kLastEvents.end();
}

// Cuts the last line off text, without its line end (CR, LF or CRLF).
std::string_view take_last_line(std::string_view& text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  const auto before = text.find_last_of("\r\n");
  const auto start = before == std::string_view::npos ? 0 : before + 1;
  const auto line = text.substr(start);
  text = text.substr(0, start);
  return line;
}

// The value of an SSE field: one space after the colon is not part of it.
std::optional<std::string_view> field_value(std::string_view line, std::string_view field) {
  if (!line.starts_with(field)) return std::nullopt;
  line.remove_prefix(field.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

nlohmann::json parse_json(std::string_view text) {
  return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
}

bool event_stream_is_over(std::string_view text) {
  bool whole = false;  // an empty line has closed the event
  bool in_event = false;
  std::string_view data;
  while (!text.empty()) {
    const auto line = take_last_line(text);
    if (line.empty()) {
      if (in_event) break;
      whole = true;
      continue;
    }
    if (line.starts_with(':')) continue;  // a comment, such as a keep-alive
    if (const auto value = field_value(line, "data:")) {
      if (!in_event && *value == "[DONE]") return true;
      data = *value;
    } else if (const auto type = field_value(line, "event:")) {
      return whole && is_last_event(*type);
    }
    in_event = true;
  }
  if (!whole || data.empty()) return false;
  const auto json = parse_json(data);
  if (!json.is_object()) return false;
  const auto type = json.find("type");
  return type != json.end() && type->is_string() &&
         is_last_event(type->get_ref<const std::string&>());
}

bool ndjson_is_over(std::string_view text) {
  while (!text.empty()) {
    const auto line = take_last_line(text);
    if (line.empty()) continue;
    const auto json = parse_json(line);
    if (!json.is_object()) return false;
    const auto done = json.find("done");
    return done != json.end() && done->is_boolean() && done->get<bool>();
  }
  return false;
}

}  // namespace

bool stream_is_over(const http::ResponseHead& head, const Body& body) {
  const auto encoding = http::find_header(head.headers, "Content-Encoding");
  if (encoding && !encoding->empty() && !http::equals_ignoring_case(*encoding, "identity")) {
    return false;
  }
  const auto content_type = http::find_header(head.headers, "Content-Type");
  if (!content_type || body.broken()) return false;
  const std::string type = http::to_lower(content_type->substr(0, content_type->find(';')));
  const bool events = type.starts_with("text/event-stream");
  const bool lines =
      type.find("ndjson") != std::string::npos || type.find("jsonl") != std::string::npos;
  if (!events && !lines) return false;

  const uint64_t n = std::min(body.size(), kTailBytes);
  const auto tail = body.read(body.size() - n, static_cast<size_t>(n));
  if (!tail.ok()) return false;
  return events ? event_stream_is_over(*tail) : ndjson_is_over(*tail);
}

}  // namespace recshim::flow
