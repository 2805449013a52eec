// The few things matching needs to know of URLs. Pure text; owns no policy.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace recshim::match {

// "https://user@host:1/p?q#f" in its parts; the views borrow from the text. What a URL
// lacks is empty. Source: RFC 3986 §3 and appendix B.
struct UrlParts {
  std::string_view scheme;     // "https", without "://"
  std::string_view authority;  // "user@host:1"
  std::string_view path;       // "/p"
  std::string_view query;      // "q"
  std::string_view fragment;   // "f"
  bool has_query = false;      // also true for a bare "?"
  bool has_fragment = false;
};
UrlParts split_url(std::string_view url);
std::string join_url(const UrlParts& parts);

// One name=value of a query or form, still encoded. has_value: false for a bare name.
struct Parameter {
  std::string_view name;
  std::string_view value;
  bool has_value = false;
};
std::vector<Parameter> split_parameters(std::string_view query);
std::string join_parameters(const std::vector<Parameter>& parameters);

// %XX decoded (a damaged one stays), '+' to space as in forms and queries; the result is
// UTF-8, broken bytes replaced by U+FFFD.
std::string decode_parameter(std::string_view text);
// Bytes other than the unreserved characters as %XX (RFC 3986 §2.3).
std::string percent_encoded(std::string_view text);
// url as it is filed: bytes beyond ASCII as %XX, the scheme's default port left out.
std::string filed_url(std::string_view url);

}  // namespace recshim::match
