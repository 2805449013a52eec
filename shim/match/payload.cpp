// See payload.h.
#include "shim/match/payload.h"

#include <algorithm>

#include "shim/match/multipart.h"
#include "shim/match/redact.h"
#include "shim/match/url.h"

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

// May the body be JSON although its type does not say so?
bool may_be_json(const std::string& type, std::string_view body, Dialect dialect) {
  if (dialect != Dialect::kGeneric) return true;
  if (!type.empty() && type != kFormType && type != "text/plain") return false;
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && (body[first] == '{' || body[first] == '[');
}

Json form_pairs(std::string_view body, const MatchOptions& options) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Parameter& parameter : split_parameters(body)) {
    std::string name = decode_parameter(parameter.name);
    std::string value = decode_parameter(parameter.value);
    if (!value.empty() && is_sensitive_parameter(name, options)) value = kRedacted;
    pairs.emplace_back(redact_values(name, options), redact_values(value, options));
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
                                              const MatchOptions& options) {
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
    entry["sha256"] = part.sha256;
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
                          const MatchOptions& options) {
  const Body& body = request.request_body;
  if (body.size() == 0) return Json::object();
  const std::string_view content_type =
      http::find_header(request.request.headers, "Content-Type").value_or("");
  const std::string type = media_type(content_type);
  if (type.starts_with("multipart/")) {
    if (const auto boundary = multipart_boundary(content_type)) {
      Result<std::optional<Json>> parts = multipart_payload(body, *boundary, options);
      if (!parts) return parts.error();
      if (parts->has_value()) return std::move(**parts);
    }
    return digest_payload(body);
  }
  const bool says_json = type.ends_with("/json") || type.ends_with("+json");
  const bool may_be_text = says_json || dialect != Dialect::kGeneric || type.empty() ||
                           type == kFormType || type == "text/plain";
  if (!may_be_text || body.size() > options.json_payload_limit_bytes) return digest_payload(body);

  std::string spilled;
  if (!body.in_memory()) {
    Result<std::string> bytes = body.read(0, body.size());
    if (!bytes) return bytes.error();
    spilled = std::move(bytes).value();
  }
  const std::string_view text = body.in_memory() ? body.view() : std::string_view(spilled);
  if (says_json || may_be_json(type, text, dialect)) {
    if (Result<Json> parsed = parse_json(text); parsed.ok()) {
      Json value = std::move(parsed).value();
      redact_json(value, options);
      return value;
    }
  }
  if (type == kFormType) return form_pairs(text, options);
  return digest_payload(body);
}

}  // namespace recshim::match
