// Small pieces of HTTP's grammar that several files need. Internal to shim/http.
#pragma once

#include <string_view>

namespace recshim::http {

// tchar of RFC 9110 §5.6.2: what a method or a header name is made of.
constexpr bool is_tchar(char c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// OWS of RFC 9110 §5.6.3 at both ends.
constexpr std::string_view trim_ows(std::string_view text) {
  constexpr std::string_view kOws = " \t";
  const size_t begin = text.find_first_not_of(kOws);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kOws) - begin + 1);
}

// Calls f with each non-empty element of a comma-separated list (RFC 9110 §5.6.1).
template <typename F>
void for_each_element(std::string_view list, F f) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view element = trim_ows(list.substr(0, comma));
    if (!element.empty()) f(element);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace recshim::http
