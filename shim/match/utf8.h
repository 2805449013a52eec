// UTF-8 by code points, for text that may be damaged. Owns decoding and encoding only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace recshim::match {

struct CodePoint {
  uint32_t value = 0;
  unsigned size = 1;  // bytes read, at least 1
  bool valid = true;  // false: value is U+FFFD and one byte is to be skipped
};

// The code point at text[at]; surrogates are let through (Python's "surrogatepass").
// REQUIRES: at < text.size(). Source: RFC 3629 §4.
CodePoint code_point_at(std::string_view text, size_t at);
void append_utf8(std::string& out, uint32_t code_point);
// text with every byte that is not UTF-8 replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);

}  // namespace recshim::match
