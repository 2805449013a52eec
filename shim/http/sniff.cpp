// Protocol recognition. Knows what the first bytes of a client may be, and no more.
#include <algorithm>

#include "shim/http/codec.h"
#include "shim/http/grammar.h"

namespace recshim::http {
namespace {

constexpr size_t kLongestMethod = 64;  // of any protocol registered so far
constexpr size_t kLongestLine = size_t{64} << 10;

bool is_well_known(std::string_view method) {
  constexpr std::string_view kMethods[] = {"GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                           "TRACE", "OPTIONS", "CONNECT", "PATCH"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

bool starts_with(std::string_view bytes, std::string_view prefix) {
  return bytes.substr(0, prefix.size()) == prefix;
}

// True while bytes may still become expected.
bool may_become(std::string_view bytes, std::string_view expected) {
  return bytes.size() < expected.size() && starts_with(expected, bytes);
}

// A whole request line tells for certain: method SP target SP "HTTP/1." (RFC 9112 §3).
Protocol sniff_line(std::string_view bytes, size_t target_begin) {
  const std::string_view rest = bytes.substr(target_begin);
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  if (line.find(" HTTP/1.") != std::string_view::npos) return Protocol::kHttp1;
  const bool has_controls = std::any_of(line.begin(), line.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\r') || byte == 0x7f;
  });
  if (has_controls || end != std::string_view::npos || bytes.size() > kLongestLine) {
    return Protocol::kOther;
  }
  return Protocol::kNeedMore;
}

}  // namespace

Protocol sniff(std::string_view first_bytes) {
  if (first_bytes.empty()) return Protocol::kNeedMore;

  // ContentType handshake(22), legacy_record_version 3.x (RFC 8446 §5.1).
  if (first_bytes[0] == '\x16') {
    if (first_bytes.size() < 2) return Protocol::kNeedMore;
    return first_bytes[1] == '\x03' ? Protocol::kTls : Protocol::kOther;
  }

  // The preface is made to look like an HTTP/1 request (RFC 9113 §3.4).
  constexpr std::string_view kPrefaceLine = "PRI * HTTP/2.0\r\n";
  if (starts_with(first_bytes, kPrefaceLine)) return Protocol::kHttp2;
  if (may_become(first_bytes, kPrefaceLine)) return Protocol::kNeedMore;

  const auto method_end = static_cast<size_t>(
      std::find_if_not(first_bytes.begin(), first_bytes.end(), is_tchar) - first_bytes.begin());
  if (method_end > kLongestMethod) return Protocol::kOther;
  if (method_end == first_bytes.size()) return Protocol::kNeedMore;
  if (method_end == 0 || first_bytes[method_end] != ' ') return Protocol::kOther;

  const std::string_view method = first_bytes.substr(0, method_end);
  const std::string_view target = first_bytes.substr(method_end + 1);
  if (is_well_known(method)) {
    if (method == "CONNECT" || starts_with(target, "/") || starts_with(target, "http")) {
      return Protocol::kHttp1;
    }
    if (may_become(target, "http")) return Protocol::kNeedMore;
  }
  return sniff_line(first_bytes, method_end + 1);
}

}  // namespace recshim::http
