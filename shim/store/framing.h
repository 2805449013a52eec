// Streams of JSON inside a body: Server-Sent Events and JSON lines cut into their pieces,
// and the template that writes such a piece. Pure text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/store/json_bytes.h"

namespace recshim::store {

enum class StreamKind { kSse, kLines };

// One event or line, with its end. json: what it carries, nullopt for comments, [DONE],
// blank lines and what was cut off.
struct Piece {
  std::string_view raw;
  std::optional<Json> json;
  std::string_view json_text;  // empty where the value is spread over several lines
  std::string_view event;      // the event: line's value
};

// The pieces of text, in order and without a gap. WHATWG HTML §9.2.5 (event streams).
std::vector<Piece> cut(std::string_view text, StreamKind kind);

// How a stream's sender wraps its JSON.
struct Template {
  StreamKind kind = StreamKind::kSse;
  std::string newline = "\n";
  bool space = true;        // "data: {" rather than "data:{"
  bool event_line = false;  // an event: line that repeats the JSON's "type"
  bool operator==(const Template&) const = default;
};

// The template that piece was written with, as far as it is one.
Template template_of(const Piece& piece, StreamKind kind);
// One piece's text. json_text: the serialised value.
std::string render(const Template& shape, const Json& value, std::string_view json_text);

}  // namespace recshim::store
