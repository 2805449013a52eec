// What must never be written to a file: names of secret headers and parameters, shapes of
// secrets, and their replacement. Pure text; knows no files.
//
// Sensitive by default
// - headers: Authorization, Proxy-Authorization, Cookie, Set-Cookie, and any whose name
//   holds api-key, apikey, token, secret, password, credential, signature, access-key,
//   subscription-key or provider-data. Counts stay readable: names that hold "ratelimit"
//   or "rate-limit", and the plural "tokens".
// - query and form parameters: key, token, sig, auth, and any whose name holds api_key,
//   apikey, api-key, access_token, secret, password, signature, credential and the like.
// - user:password@ in URLs.
//   URLs are found in every header's value (Location, Link, Refresh, X-Forwarded-Uri …).
// - anywhere in URLs and header values: "Bearer …", and keys of well-known shape (OpenAI,
//   Google, GitHub, GitLab, Slack, AWS, Hugging Face, Groq, JSON web tokens).
// MatchOptions::redact_values are literal secrets, looked for everywhere, bodies included.
#pragma once

#include <string>
#include <string_view>

#include "shim/http/message.h"
#include "shim/match/request_key.h"

namespace recshim::match {

constexpr std::string_view kRedacted = "REDACTED";

bool is_sensitive_header(std::string_view name, const MatchOptions& options);
// name: decoded.
bool is_sensitive_parameter(std::string_view name, const MatchOptions& options);

// Names and order stay. A cookie keeps its name, Set-Cookie its attributes; of other
// sensitive headers the whole value is replaced; elsewhere only what looks like a secret.
// Empty values stay empty.
http::Headers redact_headers(const http::Headers& headers, const MatchOptions& options);
// url: absolute, or a path with its query. Everything but the secrets stays as it is.
std::string redact_url(std::string_view url, const MatchOptions& options);
// Keys of well-known shape and redact_values.
std::string redact_text(std::string_view text, const MatchOptions& options);
// redact_values alone, as they are and percent-encoded.
std::string redact_values(std::string_view text, const MatchOptions& options);
// redact_values in every string and key of a document.
void redact_json(Json& value, const MatchOptions& options);

}  // namespace recshim::match
