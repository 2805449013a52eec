// UTF-8, base64 and bounded parsing. See json_bytes.h.
#include "shim/store/json_bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "shim/match/python_json.h"

namespace recshim::store {

std::optional<Json> parse_json(std::string_view text, std::string* why) {
  auto parsed = match::parse_json(text);
  if (parsed.ok()) return std::move(*parsed);
  if (why != nullptr) *why = parsed.error().message;
  return std::nullopt;
}

// RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes) {
  size_t i = 0;
  while (i < bytes.size()) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    if (lead < 0x80) {
      ++i;
      continue;
    }
    size_t length = 0;
    uint32_t point = 0;
    uint32_t least = 0;
    if ((lead & 0xe0) == 0xc0) {
      length = 2;
      point = lead & 0x1fU;
      least = 0x80;
    } else if ((lead & 0xf0) == 0xe0) {
      length = 3;
      point = lead & 0x0fU;
      least = 0x800;
    } else if ((lead & 0xf8) == 0xf0) {
      length = 4;
      point = lead & 0x07U;
      least = 0x10000;
    } else {
      return false;
    }
    if (bytes.size() - i < length) return false;
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(bytes[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = (point << 6) | (next & 0x3fU);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    i += length;
  }
  return true;
}

bool is_text(std::string_view bytes) {
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f) return false;
  }
  return is_utf8(bytes);
}

Json bytes_to_json(std::string_view bytes) {
  if (is_utf8(bytes)) return std::string(bytes);
  return Json{{"base64", base64(bytes)}};
}

std::string bytes_from_json(const Json& value, const std::string& path) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_object() && value.contains("base64") && value["base64"].is_string()) {
    auto bytes = from_base64(value["base64"].get_ref<const std::string&>());
    if (bytes) return std::move(*bytes);
    throw ShapeError{path + "/base64", "is not base64"};
  }
  throw ShapeError{path, "must be a string or {\"base64\": …}"};
}

}  // namespace recshim::store
