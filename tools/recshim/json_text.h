// JSON as the commands print it.
#pragma once

#include <string>

#include "shim/match/python_json.h"

namespace recshim::tools {

// On one line, without white space.
inline std::string line_of(const match::Json& json) {
  return match::dump(json, match::compact_style());
}

// Indented by two spaces, readable characters left as they are.
inline std::string pretty(const match::Json& json) {
  match::JsonStyle style = match::compact_style();
  style.indent = 2;
  style.key_separator = ": ";
  return match::dump(json, style);
}

}  // namespace recshim::tools
