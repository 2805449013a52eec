// See redact.h.
#include "shim/match/redact.h"

#include <algorithm>
#include <array>

#include "shim/match/url.h"

namespace recshim::match {
namespace {

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

bool listed(std::string_view name, const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& entry) {
    return http::equals_ignoring_case(name, entry);
  });
}

// "token" but not the plural, which counts them (x-total-tokens).
bool names_a_token(std::string_view name) {
  for (size_t at = name.find("token"); at != std::string_view::npos;
       at = name.find("token", at + 1)) {
    if (at + 5 >= name.size() || name[at + 5] != 's') return true;
  }
  return false;
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_key_char(char c) {
  return is_alphanumeric(c) || c == '-' || c == '_';
}
bool is_upper_or_digit(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
bool is_slack_char(char c) {
  return is_alphanumeric(c) || c == '-';
}
// token68 (RFC 9110 §11.2)
bool is_token68(char c) {
  return is_key_char(c) || c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}
bool is_jwt_char(char c) {
  return is_key_char(c) || c == '.';
}

// A secret is its prefix, not in the midst of a word, and at least so many characters.
struct Shape {
  std::string_view prefix;
  size_t least;
  bool (*is_char)(char);
  bool needs_digit;  // for prefixes that also begin ordinary words
  bool keep_prefix;
};
constexpr std::array kShapes = {
    Shape{"sk-", 16, is_key_char, true, false},
    Shape{"AIza", 30, is_key_char, false, false},
    Shape{"ghp_", 20, is_alphanumeric, false, false},
    Shape{"gho_", 20, is_alphanumeric, false, false},
    Shape{"ghu_", 20, is_alphanumeric, false, false},
    Shape{"ghs_", 20, is_alphanumeric, false, false},
    Shape{"ghr_", 20, is_alphanumeric, false, false},
    Shape{"github_pat_", 20, is_key_char, false, false},
    Shape{"glpat-", 20, is_key_char, false, false},
    Shape{"xoxa-", 10, is_slack_char, false, false},
    Shape{"xoxb-", 10, is_slack_char, false, false},
    Shape{"xoxp-", 10, is_slack_char, false, false},
    Shape{"xoxr-", 10, is_slack_char, false, false},
    Shape{"xoxs-", 10, is_slack_char, false, false},
    Shape{"AKIA", 16, is_upper_or_digit, false, false},
    Shape{"ASIA", 16, is_upper_or_digit, false, false},
    Shape{"hf_", 30, is_alphanumeric, false, false},
    Shape{"gsk_", 30, is_alphanumeric, false, false},
    Shape{"nvapi-", 30, is_key_char, false, false},
    Shape{"eyJ", 40, is_jwt_char, false, false},
    Shape{"Bearer ", 8, is_token68, false, true},
    Shape{"bearer ", 8, is_token68, false, true},
    Shape{"Bearer%20", 8, is_token68, false, true},
};

// Length of the secret of this shape at text[at] including its prefix, or 0.
size_t match_shape(std::string_view text, size_t at, const Shape& shape) {
  if (text.substr(at, shape.prefix.size()) != shape.prefix) return 0;
  if (at > 0 && is_alphanumeric(text[at - 1])) return 0;
  size_t end = at + shape.prefix.size();
  bool digit = false;
  while (end < text.size() && shape.is_char(text[end])) {
    digit = digit || (text[end] >= '0' && text[end] <= '9');
    ++end;
  }
  if (end - at - shape.prefix.size() < shape.least) return 0;
  if (shape.needs_digit && !digit) return 0;
  return end - at;
}

std::string redact_shapes(std::string_view text) {
  constexpr std::string_view kFirst = "sAgxhnebB";  // of every prefix above
  std::string out;
  size_t copied = 0;
  for (size_t at = text.find_first_of(kFirst); at != std::string_view::npos;) {
    size_t next = at + 1;
    for (const Shape& shape : kShapes) {
      const size_t length = match_shape(text, at, shape);
      if (length == 0) continue;
      const size_t kept = shape.keep_prefix ? shape.prefix.size() : 0;
      out.append(text.substr(copied, at + kept - copied)).append(kRedacted);
      copied = next = at + length;
      break;
    }
    at = text.find_first_of(kFirst, next);
  }
  return out.append(text.substr(copied));
}

void replace_all(std::string& text, std::string_view what) {
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + kRedacted.size())) {
    text.replace(at, what.size(), kRedacted);
  }
}

// "a=1; b=2" with every value replaced, or of a Set-Cookie the first one only.
std::string redact_cookie(std::string_view value, bool first_only) {
  std::string out;
  for (bool first = true; !value.empty(); first = false) {
    const size_t end = std::min(value.find(';'), value.size());
    const std::string_view item = value.substr(0, end);
    const size_t equals = item.find('=');
    if ((first_only && !first) || equals == std::string_view::npos) {
      const bool nameless = equals == std::string_view::npos && first && !item.empty();
      out.append(nameless ? kRedacted : item);
    } else {
      out.append(item.substr(0, equals + 1));
      if (equals + 1 < item.size()) out.append(kRedacted);
    }
    if (end < value.size()) out.push_back(';');
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return out;
}

std::string redact_parameters(std::string_view query, const MatchOptions& options) {
  std::vector<Parameter> parameters = split_parameters(query);
  for (Parameter& parameter : parameters) {
    if (!parameter.value.empty() &&
        is_sensitive_parameter(decode_parameter(parameter.name), options)) {
      parameter.value = kRedacted;
    }
  }
  // An empty piece at the end ("a=1&") is not listed by split_parameters.
  return join_parameters(parameters) + (query.ends_with('&') ? "&" : "");
}

// A header whose value is one URL.
bool is_url(std::string_view lower_name) {
  return lower_name == "location" || lower_name == "content-location" || lower_name == "referer" ||
         lower_name == "origin";
}

// The URLs, and the paths with a query, among the words of a text: Link, Refresh, Forwarded-Uri …
std::string redact_urls_in(std::string_view text, const MatchOptions& options) {
  constexpr std::string_view kAround = " \t<>\"";
  constexpr std::string_view kScheme =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
  std::string out;
  while (!text.empty()) {
    const size_t around = std::min(text.find_first_not_of(kAround), text.size());
    out.append(text.substr(0, around));
    text.remove_prefix(around);
    std::string_view word = text.substr(0, text.find_first_of(kAround));
    text.remove_prefix(word.size());
    // What stands before its scheme ("url='") and the signs behind it are not the URL's.
    const size_t scheme_end = word.find("://");
    if (scheme_end == std::string_view::npos && !contains(word, "?")) {
      out.append(word);
      continue;
    }
    if (scheme_end != std::string_view::npos && scheme_end < word.find('?')) {
      const size_t before = word.substr(0, scheme_end).find_last_not_of(kScheme) + 1;
      out.append(word.substr(0, before));
      word.remove_prefix(before);
    }
    const size_t end = word.find_last_not_of(",;)'") + 1;
    out.append(redact_url(word.substr(0, end), options)).append(word.substr(end));
  }
  return out;
}

}  // namespace

namespace {

// X-Auth-Key and its kin, but not the keys that open nothing.
bool names_a_key(std::string_view lower) {
  constexpr std::array<std::string_view, 13> kOthers = {
      "idempotency", "cache", "surrogate", "websocket", "partition", "routing", "object",
      "row",         "sort",  "public",    "primary",   "dedup",     "event"};
  if (!lower.ends_with("-key") && !lower.ends_with("_key")) return false;
  lower.remove_suffix(4);
  return std::none_of(kOthers.begin(), kOthers.end(),
                      [&](std::string_view other) { return lower.ends_with(other); });
}

// Ends of names that tell of a session, a signature or a proof of possession (RFC 9449).
bool ends_like_a_secret(std::string_view lower) {
  constexpr std::array<std::string_view, 7> kEnds = {
      "session-id", "sessionid", "session_id", "-sign", "dpop", "-otp", "-jwt"};
  return std::any_of(kEnds.begin(), kEnds.end(),
                     [&](std::string_view end) { return lower.ends_with(end); });
}

}  // namespace

bool is_sensitive_header(std::string_view name, const MatchOptions& options) {
  if (listed(name, options.redact_headers)) return true;
  const std::string lower = http::to_lower(name);
  if (contains(lower, "ratelimit") || contains(lower, "rate-limit")) return false;
  if (lower.starts_with("access-control-")) return false;  // names what is allowed, no secret
  constexpr std::array kParts = {"api-key",     "apikey",       "api_key",          "secret",
                                 "password",    "passwd",       "authorization",    "credential",
                                 "access-key",  "signature",    "subscription-key", "provider-data",
                                 "private-key", "functions-key"};
  const auto in_name = [&](const char* part) { return contains(lower, part); };
  return lower == "cookie" || lower == "set-cookie" || lower == "set-cookie2" ||
         names_a_token(lower) || names_a_key(lower) || ends_like_a_secret(lower) ||
         std::any_of(kParts.begin(), kParts.end(), in_name);
}

bool is_sensitive_parameter(std::string_view name, const MatchOptions& options) {
  if (listed(name, options.redact_query)) return true;
  const std::string lower = http::to_lower(name);
  constexpr std::array kNames = {"key",    "token", "sig",  "auth",      "jwt",
                                 "bearer", "pwd",   "pass", "assertion", "hmac"};
  constexpr std::array kParts = {
      "api_key",          "apikey",         "api-key",       "access_token", "access-token",
      "accesstoken",      "auth_token",     "auth-token",    "authtoken",    "refresh_token",
      "refreshtoken",     "id_token",       "idtoken",       "secret",       "password",
      "passwd",           "signature",      "credential",    "accesskeyid",  "access_key",
      "access-key",       "security-token", "session_token", "sessiontoken", "subscription-key",
      "client_assertion", "private_key",    "authorization"};
  const auto same = [&](const char* other) { return lower == other; };
  const auto in_name = [&](const char* part) { return contains(lower, part); };
  return std::any_of(kNames.begin(), kNames.end(), same) ||
         std::any_of(kParts.begin(), kParts.end(), in_name);
}

http::Headers redact_headers(const http::Headers& headers, const MatchOptions& options) {
  http::Headers out;
  out.reserve(headers.size());
  for (const http::Header& header : headers) {
    const std::string lower = http::to_lower(header.name);
    std::string value;
    if (lower == "cookie") {
      value = redact_cookie(header.value, false);
    } else if (lower == "set-cookie" || lower == "set-cookie2") {
      value = redact_cookie(header.value, true);
    } else if (header.value.empty()) {
      value = header.value;
    } else if (is_sensitive_header(header.name, options)) {
      value = kRedacted;
    } else if (is_url(lower)) {
      value = redact_url(header.value, options);
    } else {
      value = redact_text(redact_urls_in(header.value, options), options);
    }
    out.push_back({header.name, std::move(value)});
  }
  return out;
}

std::string redact_url(std::string_view url, const MatchOptions& options) {
  UrlParts parts = split_url(url);
  std::string authority(parts.authority);
  if (const size_t at = authority.rfind('@'); at != std::string::npos && at > 0) {
    authority.replace(0, at, kRedacted);
  }
  const std::string query = redact_parameters(parts.query, options);
  // Implicit-grant answers carry tokens in the fragment (RFC 6749 §4.2.2).
  const std::string fragment = contains(parts.fragment, "=")
                                   ? redact_parameters(parts.fragment, options)
                                   : std::string(parts.fragment);
  parts.authority = authority;
  parts.query = query;
  parts.fragment = fragment;
  return redact_text(join_url(parts), options);
}

std::string redact_text(std::string_view text, const MatchOptions& options) {
  return redact_shapes(redact_values(text, options));
}

std::string redact_values(std::string_view text, const MatchOptions& options) {
  std::string out(text);
  if (options.redact_values.empty()) return out;
  // The longest first: a secret may hold another.
  std::vector<std::string> values;
  for (const std::string& value : options.redact_values) {
    if (value.empty()) continue;
    values.push_back(value);
    values.push_back(percent_encoded(value));
  }
  std::stable_sort(values.begin(), values.end(),
                   [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  for (const std::string& value : values) replace_all(out, value);
  return out;
}

void redact_json(Json& value, const MatchOptions& options) {
  if (options.redact_values.empty()) return;
  if (value.is_string()) {
    value = redact_values(value.get_ref<const std::string&>(), options);
  } else if (value.is_array()) {
    for (Json& item : value) redact_json(item, options);
  } else if (value.is_object()) {
    Json::object_t redacted;
    for (auto& [key, member] : value.get_ref<Json::object_t&>()) {
      redact_json(member, options);
      redacted.emplace_back(redact_values(key, options), std::move(member));
    }
    value = std::move(redacted);
  }
}

}  // namespace recshim::match
