// See url.h.
#include "shim/match/url.h"

#include <optional>

#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

constexpr char kHex[] = "0123456789ABCDEF";

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out.push_back('%');
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 0xF]);
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

}  // namespace

UrlParts split_url(std::string_view url) {
  UrlParts parts;
  if (const size_t hash = url.find('#'); hash != std::string_view::npos) {
    parts.has_fragment = true;
    parts.fragment = url.substr(hash + 1);
    url = url.substr(0, hash);
  }
  if (const size_t mark = url.find('?'); mark != std::string_view::npos) {
    parts.has_query = true;
    parts.query = url.substr(mark + 1);
    url = url.substr(0, mark);
  }
  const size_t scheme_end = url.find("://");
  if (scheme_end != std::string_view::npos && scheme_end > 0 && url.find('/') > scheme_end) {
    parts.scheme = url.substr(0, scheme_end);
    url.remove_prefix(scheme_end + 3);
    const size_t slash = std::min(url.find('/'), url.size());
    parts.authority = url.substr(0, slash);
    url.remove_prefix(slash);
  }
  parts.path = url;
  return parts;
}

std::string join_url(const UrlParts& parts) {
  std::string url;
  if (!parts.scheme.empty()) url.append(parts.scheme).append("://").append(parts.authority);
  url.append(parts.path);
  if (parts.has_query) url.append("?").append(parts.query);
  if (parts.has_fragment) url.append("#").append(parts.fragment);
  return url;
}

std::vector<Parameter> split_parameters(std::string_view query) {
  std::vector<Parameter> out;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) {
      out.push_back({item, {}, false});
    } else {
      out.push_back({item.substr(0, equals), item.substr(equals + 1), true});
    }
  }
  return out;
}

std::string join_parameters(const std::vector<Parameter>& parameters) {
  std::string out;
  for (const Parameter& parameter : parameters) {
    if (&parameter != &parameters.front()) out.push_back('&');
    out.append(parameter.name);
    if (parameter.has_value) out.append("=").append(parameter.value);
  }
  return out;
}

std::string decode_parameter(std::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      bytes.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) &&
               hex_digit(text[i + 2])) {
      bytes.push_back(static_cast<char>(*hex_digit(text[i + 1]) * 16 + *hex_digit(text[i + 2])));
      i += 2;
    } else {
      bytes.push_back(text[i]);
    }
  }
  return repaired_utf8(bytes);
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out.push_back(c);
    } else {
      append_escaped(out, c);
    }
  }
  return out;
}

std::string filed_url(std::string_view url) {
  UrlParts parts = split_url(url);
  const std::string_view port = parts.scheme == "http"    ? ":80"
                                : parts.scheme == "https" ? ":443"
                                                          : "";
  if (!port.empty() && parts.authority.size() > port.size() && parts.authority.ends_with(port)) {
    parts.authority.remove_suffix(port.size());
  }
  std::string out;
  for (const char c : join_url(parts)) {
    if (static_cast<unsigned char>(c) >= 0x80) {
      append_escaped(out, c);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace recshim::match
