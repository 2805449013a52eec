// See payload.h.
#include "shim/match/payload.h"

#include <algorithm>

#include "shim/http/codec.h"
#include "shim/match/graphql.h"
#include "shim/match/multipart.h"
#include "shim/match/redact.h"
#include "shim/match/signed_parameters.h"
#include "shim/match/url.h"
#include "shim/match/xml.h"

namespace recshim::match {
namespace {

// "application/json" of "Application/JSON; charset=utf-8".
std::string media_type(std::string_view content_type) {
  const size_t end = std::min(content_type.find(';'), content_type.size());
  std::string type = http::to_lower(content_type.substr(0, end));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  return type;
}

constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::string_view kGraphQlType = "application/graphql";
constexpr uint64_t kLookBytes = 1024;

bool said_json(const std::string& type) {
  return type.ends_with("/json") || type.ends_with("+json");
}

// "application/json", "application/x-amz-json-1.1", "application/csp-report", and lines of JSON.
bool names_json(const std::string& type) {
  return type.find("json") != std::string::npos || type == "application/csp-report" ||
         type == "application/x-ndjson";
}

bool names_xml(const std::string& type) {
  return type == "text/xml" || type == "application/xml" || type.ends_with("+xml");
}

// No type, curl's default, or one that says nothing about the text.
bool is_untyped(const std::string& type) {
  return type.empty() || type == kFormType || type == "text/plain";
}

// Kept byte for byte, whatever it looks like.
bool is_opaque(const std::string& type) {
  return type == "application/octet-stream" || type.starts_with("image/") ||
         type.starts_with("audio/") || type.starts_with("video/") || type.starts_with("font/");
}

bool begins_like_json(std::string_view body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

// Objects or arrays, one a line; nullopt for what is something else.
std::optional<Json> json_lines(std::string_view text) {
  Json lines = Json::array();
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (!begins_like_json(line)) return std::nullopt;
    Result<Json> parsed = parse_json(line);
    if (!parsed.ok()) return std::nullopt;
    lines.push_back(std::move(parsed).value());
  }
  if (lines.empty()) return std::nullopt;
  Json out = Json::object();
  out["lines"] = std::move(lines);
  return out;
}

std::optional<Json> json_payload(std::string_view text, Reading reading, Dialect dialect) {
  if (Result<Json> parsed = parse_json(text); parsed.ok()) return std::move(parsed).value();
  if (reading == Reading::kBefore || dialect != Dialect::kGeneric) return std::nullopt;
  return json_lines(text);
}

std::string_view local_name(std::string_view expanded) {
  return expanded.substr(expanded.rfind('}') + 1);
}

// Secrets of a document, by the names of its elements and attributes; WS-Security's header, which
// holds a password, a signature, a nonce and times, as a whole.
void redact_xml(Json& element, const MatchOptions& options) {
  constexpr std::string_view kSecurity = "wssecurity-secext-1.0.xsd}Security";
  const std::string name = element[0].get<std::string>();
  if (name.ends_with(kSecurity)) {
    element = Json::array({name});
    return;
  }
  const bool sensitive = is_sensitive_parameter(local_name(name), options);
  for (size_t i = 1; i < element.size(); ++i) {
    Json& child = element[i];
    if (child.is_array()) redact_xml(child, options);
    if (child.is_string() && sensitive) child = kRedacted;
    if (!child.is_object()) continue;
    for (auto& [attribute, value] : child.items()) {
      if (is_sensitive_parameter(local_name(attribute), options)) value = kRedacted;
    }
  }
}

std::optional<Json> other_text_payload(const std::string& type, std::string_view text,
                                       const MatchOptions& options) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  const bool tagged = first != std::string_view::npos && text[first] == '<';
  Json out = Json::object();
  if (names_xml(type) || (type.empty() && tagged)) {
    std::optional<Json> root = parse_xml(text);
    if (!root) return std::nullopt;
    redact_xml(*root, options);
    out["xml"] = std::move(*root);
    return out;
  }
  if (type == kGraphQlType) {
    const auto tokens = graphql_tokens(text);
    if (!tokens) return std::nullopt;
    out["graphql"] = *tokens;
    return out;
  }
  return std::nullopt;
}

// nullopt where there is no coding, or one that can't be undone: the bytes count then.
Result<std::optional<Body>> decoded_body(const http::Exchange& request,
                                         const MatchOptions& options) {
  const auto coding = http::find_header(request.request.headers, "Content-Encoding");
  const Body& body = request.request_body;
  if (!coding || coding->empty() || body.size() > options.json_payload_limit_bytes) {
    return std::optional<Body>();
  }
  Result<std::string> bytes = body.read(0, body.size());
  if (!bytes) return bytes.error();
  Result<std::string> decoded =
      http::decode_content(*bytes, *coding, options.json_payload_limit_bytes);
  if (!decoded) return std::optional<Body>();
  return std::optional<Body>(Body(std::move(decoded).value()));
}

Json form_pairs(std::string_view body, const MatchOptions& options, Reading reading) {
  const std::vector<Parameter> parameters = split_parameters(body);
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(decode_parameter(parameter.name));
  std::vector<bool> drawn(names.size(), false);
  if (reading == Reading::kNow) drawn = drawn_for_signature(names);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string value = decode_parameter(parameters[i].value);
    if (!value.empty() && (drawn[i] || is_sensitive_parameter(names[i], options))) {
      value = kRedacted;
    }
    pairs.emplace_back(redact_values(names[i], options), redact_values(value, options));
  }
  std::sort(pairs.begin(), pairs.end());
  Json out = Json::array();
  for (auto& [name, value] : pairs) {
    Json pair = Json::array();
    pair.push_back(std::move(name));
    pair.push_back(std::move(value));
    out.push_back(std::move(pair));
  }
  return out;
}

Json or_null(const std::optional<std::string>& text, const MatchOptions& options) {
  if (!text) return nullptr;
  return redact_values(*text, options);
}

Result<std::optional<Json>> multipart_payload(const Body& body, const std::string& boundary,
                                              const MatchOptions& options, Reading reading) {
  MultipartReader reader(boundary);
  const Status read =
      body.for_each_block([&](std::string_view block) { return reader.feed(block); });
  if (!read) return read.error();
  if (!reader.complete()) return std::optional<Json>();
  Json out = Json::array();
  for (const Part& part : reader.parts()) {
    Json entry = Json::object();
    entry["name"] = or_null(part.name, options);
    entry["filename"] = or_null(part.filename, options);
    entry["type"] = or_null(part.type, options);
    std::optional<Json> json;
    if (reading == Reading::kNow && part.type && part.text && names_json(media_type(*part.type))) {
      json = json_payload(*part.text, reading, Dialect::kGeneric);
    }
    if (json) {
      redact_json(*json, options);
      entry["json"] = std::move(*json);
    } else {
      entry["sha256"] = part.sha256;
    }
    out.push_back(std::move(entry));
  }
  return std::optional<Json>(std::move(out));
}

Result<Json> digest_payload(const Body& body) {
  Result<std::string> digest = body.sha256_hex();
  if (!digest) return digest.error();
  Json out = Json::object();
  out["sha256"] = std::move(digest).value();
  return out;
}

}  // namespace

Result<Json> read_payload(const http::Exchange& request, Dialect dialect,
                          const MatchOptions& options, Reading reading) {
  if (request.request_body.size() == 0) return Json::object();
  Result<std::optional<Body>> decoded =
      reading == Reading::kBefore ? std::optional<Body>() : decoded_body(request, options);
  if (!decoded) return decoded.error();
  const Body& body = *decoded ? **decoded : request.request_body;
  const std::string_view content_type =
      http::find_header(request.request.headers, "Content-Type").value_or("");
  const std::string type = media_type(content_type);
  if (type.starts_with("multipart/")) {
    if (const auto boundary = multipart_boundary(content_type)) {
      Result<std::optional<Json>> parts = multipart_payload(body, *boundary, options, reading);
      if (!parts) return parts.error();
      if (parts->has_value()) return std::move(**parts);
    }
    return digest_payload(body);
  }
  const bool says_json = reading == Reading::kBefore ? said_json(type) : names_json(type);
  const bool may_be_text = says_json || dialect != Dialect::kGeneric ||
                           (reading == Reading::kBefore ? is_untyped(type) : !is_opaque(type));
  if (!may_be_text || body.size() > options.json_payload_limit_bytes) return digest_payload(body);

  const bool known = says_json || dialect != Dialect::kGeneric || is_untyped(type) ||
                     names_xml(type) || type == kGraphQlType;
  if (!known) {  // an archive, say, is not worth being read as a whole
    const Result<std::string> start = body.read(0, std::min(body.size(), kLookBytes));
    if (!start) return start.error();
    if (!begins_like_json(*start)) return digest_payload(body);
  }

  std::string spilled;
  if (!body.in_memory()) {
    Result<std::string> bytes = body.read(0, body.size());
    if (!bytes) return bytes.error();
    spilled = std::move(bytes).value();
  }
  const std::string_view text = body.in_memory() ? body.view() : std::string_view(spilled);
  std::optional<Json> value;
  if (says_json || dialect != Dialect::kGeneric || begins_like_json(text)) {
    value = json_payload(text, reading, dialect);
  }
  if (!value && reading == Reading::kNow && dialect == Dialect::kGeneric) {
    value = other_text_payload(type, text, options);
  }
  if (value) {
    redact_json(*value, options);
    return std::move(*value);
  }
  if (type == kFormType) return form_pairs(text, options, reading);
  return digest_payload(body);
}

}  // namespace recshim::match
