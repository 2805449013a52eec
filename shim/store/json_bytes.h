// Bytes inside JSON: UTF-8 checks, strings that may hold any byte, bounded
// parsing. Shared by the files of this folder; knows nothing of recordings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shim/base/base64.h"
#include "shim/match/request_key.h"

namespace recshim::store {

using match::Json;

// What is wrong with a recording and where. Thrown inside this folder only; every public
// function turns it into an Error.
struct ShapeError {
  std::string path;  // JSON pointer
  std::string what;
};

// match::parse_json, or nullopt when text is not JSON, not UTF-8 or nested too deeply.
// why: set to what is wrong, where given.
std::optional<Json> parse_json(std::string_view text, std::string* why = nullptr);

bool is_utf8(std::string_view bytes);
// True for UTF-8 without control characters other than tab, line feed, carriage return.
bool is_text(std::string_view bytes);

using recshim::base64;
using recshim::from_base64;

// A JSON string where bytes are UTF-8, else {"base64": "…"}.
Json bytes_to_json(std::string_view bytes);
// The bytes again. Throws ShapeError naming path.
std::string bytes_from_json(const Json& value, const std::string& path);

}  // namespace recshim::store
