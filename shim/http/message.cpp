// What can be said of a message without a connection: header look-up, URLs, wire form.
#include "shim/http/message.h"

#include <algorithm>

#include "shim/http/grammar.h"

namespace recshim::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// scheme ":" "//" (RFC 3986 §3.1): how an absolute-form target starts.
bool has_scheme(std::string_view target) {
  const size_t colon = target.find("://");
  if (colon == std::string_view::npos || colon == 0) return false;
  return std::all_of(target.begin(), target.begin() + static_cast<ptrdiff_t>(colon), [](char c) {
    return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
           c == '.';
  });
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(),
                                            [](char x, char y) { return lower(x) == lower(y); });
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::optional<std::string_view> find_header(const Headers& headers, std::string_view name) {
  for (const Header& header : headers) {
    if (equals_ignoring_case(header.name, name)) return header.value;
  }
  return std::nullopt;
}

bool header_has_token(const Headers& headers, std::string_view name, std::string_view token) {
  bool found = false;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, name)) continue;
    for_each_element(header.value,
                     [&](std::string_view e) { found |= equals_ignoring_case(e, token); });
  }
  return found;
}

std::string origin_url(const Origin& origin) {
  const bool is_ipv6 = origin.host.find(':') != std::string::npos;
  std::string url = origin.scheme.empty() ? "" : origin.scheme + "://";
  url += is_ipv6 ? "[" + origin.host + "]" : origin.host;
  const uint16_t default_port = origin.scheme == "https" ? 443 : 80;
  if (origin.scheme.empty() || origin.port != default_port)
    url += ":" + std::to_string(origin.port);
  return url;
}

std::string request_url(const Origin& origin, const RequestHead& head) {
  if (head.method == "CONNECT" || has_scheme(head.target)) return head.target;
  // Asterisk-form asks about the server as a whole: no path (RFC 9112 §3.3).
  if (head.target == "*") return origin_url(origin);
  return origin_url(origin) + head.target;
}

std::string serialize_fields(const Headers& headers) {
  std::string out;
  for (const Header& header : headers) {
    out.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  return out;
}

std::string serialize(const RequestHead& head) {
  return head.method + " " + head.target + " HTTP/" + head.version + "\r\n" +
         serialize_fields(head.headers) + "\r\n";
}

std::string serialize(const ResponseHead& head) {
  if (!head.exact.empty()) return head.exact;
  // The space stands there even without a reason (RFC 9112 §4).
  return "HTTP/" + head.version + " " + std::to_string(head.status) + " " + head.reason + "\r\n" +
         serialize_fields(head.headers) + "\r\n";
}

}  // namespace recshim::http
