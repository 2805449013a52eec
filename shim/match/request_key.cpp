// See request_key.h.
#include "shim/match/request_key.h"

#include <algorithm>
#include <array>
#include <exception>

#include "shim/base/sha256.h"
#include "shim/match/asking_headers.h"
#include "shim/match/earlier_key.h"
#include "shim/match/key_rules.h"
#include "shim/match/meaning.h"
#include "shim/match/payload.h"
#include "shim/match/redact.h"
#include "shim/match/signed_parameters.h"
#include "shim/match/url.h"
#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

// The longer of two that end alike comes first.
constexpr std::array<std::string_view, 5> kOpenAiSuffixes = {
    "/chat/completions", "/completions", "/embeddings", "/responses", "/models"};
// /api/embeddings is Ollama's older call; it shares the name that /api/embed is filed under.
constexpr std::array<std::string_view, 7> kOllamaPaths = {
    "/api/generate", "/api/chat",  "/api/ps",        "/api/pull",
    "/api/tags",     "/api/embed", "/api/embeddings"};

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

// The suffix that makes path one of the OpenAI dialect; empty if none does.
std::string openai_suffix(std::string_view path, const MatchOptions& options) {
  for (const std::string& extra : options.openai_paths) {
    if (!extra.empty() && path.ends_with(extra)) return extra[0] == '/' ? extra : "/" + extra;
  }
  for (const std::string_view suffix : kOpenAiSuffixes) {
    if (path.ends_with(suffix)) return std::string(suffix);
  }
  return {};
}

std::string python_text(const Json& object) {
  JsonStyle style = python_style();
  style.sort_keys = true;
  return dump(object, style);
}

// Takes "/deployments/M" off the end of prefix when M is the body's model.
void drop_deployment(std::string& prefix, const Json& body) {
  constexpr std::string_view kStep = "/deployments/";
  const size_t at = prefix.rfind(kStep);
  if (at == std::string::npos || !body.is_object()) return;
  const auto model = body.find("model");
  if (model == body.end() || !model->is_string()) return;
  const auto& name = model->get_ref<const std::string&>();
  const std::string_view deployed = std::string_view(prefix).substr(at + kStep.size());
  if (deployed == name || deployed == percent_encoded(name)) prefix.erase(at);
}

// What the Ollama client was called with, from what it sent: it spells some defaults out, and
// "stream", which is true on the wire when it is absent, is false for the client.
Json ollama_arguments(Json body, std::string_view path) {
  if (!body.is_object()) return body;
  const auto drop = [&](const char* name, const Json& value) {
    const auto found = body.find(name);
    if (found != body.end() && *found == value) body.erase(name);
  };
  if (path == "/api/chat") drop("tools", Json::array());
  if (path == "/api/pull") drop("insecure", false);
  if (path == "/api/chat" || path == "/api/generate" || path == "/api/pull") {
    if (!body.contains("stream")) {
      body["stream"] = true;
    } else {
      drop("stream", false);
    }
  }
  return body;
}

// Likewise for the OpenAI client, which asks for base64 when the caller does not say, where
// the API would send numbers.
Json embeddings_arguments(Json body) {
  if (!body.is_object()) return body;
  if (!body.contains("encoding_format")) {
    body["encoding_format"] = "float";
  } else if (body["encoding_format"] == "base64") {
    body.erase("encoding_format");
  }
  return body;
}

// The query as the argument through which the SDK would have taken it.
Json extra_query(std::string_view query, const MatchOptions& options) {
  Json out = Json::object();
  for (const Parameter& parameter : split_parameters(query)) {
    const std::string name = decode_parameter(parameter.name);
    const bool ignored = std::find(options.ignore_query.begin(), options.ignore_query.end(),
                                   name) != options.ignore_query.end();
    // Azure's client sends api-version by itself; secrets are credentials, not arguments.
    if (ignored || name == "api-version" || is_sensitive_parameter(name, options)) continue;
    out[name] = decode_parameter(parameter.value);
  }
  return out;
}

Json model_of(const Json& body) {
  if (!body.is_object() || !body.contains("model")) return "";
  return body["model"];
}

Json dialect_request(const std::string& url, const std::string& endpoint, Json body) {
  Json request = Json::object();
  request["method"] = "POST";
  request["url"] = url;
  request["headers"] = Json::object();
  Json model = model_of(body);
  request["body"] = std::move(body);
  request["endpoint"] = endpoint;
  request["model"] = std::move(model);
  return request;
}

std::string recorded_url(const UrlParts& parts, const std::string& path) {
  UrlParts filed = parts;
  filed.path = path;
  filed.query = {};
  filed.has_query = filed.has_fragment = false;
  std::string url = join_url(filed);
  constexpr std::string_view kDatabricks = "cloud.databricks.com";
  if (const size_t at = url.rfind(kDatabricks); at != std::string::npos) {
    url = "__databricks__" + url.substr(at + kDatabricks.size());
  }
  return url;
}

void key_dialect(RequestKey& key, const UrlParts& parts, Json body,
                 const std::optional<std::string>& test_id, const MatchOptions& options) {
  std::string endpoint(parts.path);
  std::string path = endpoint;
  if (key.dialect == Dialect::kOpenAi) {
    const std::string suffix = openai_suffix(parts.path, options);
    std::string prefix(parts.path.substr(0, parts.path.size() - suffix.size()));
    drop_deployment(prefix, body);
    while (prefix.ends_with('/')) prefix.pop_back();
    endpoint = "/v1" + suffix;
    path = prefix + endpoint;
    Json query = extra_query(parts.query, options);
    if (!query.empty() && body.is_object() && !body.contains("extra_query")) {
      body["extra_query"] = std::move(query);
    }
    if (suffix == "/embeddings") body = embeddings_arguments(std::move(body));
    key.model_list = suffix == "/models";
  } else {
    body = ollama_arguments(std::move(body), path);
    if (path == "/api/embed") endpoint = path = "/api/embeddings";
    key.model_list = path == "/api/tags";
  }
  const std::string url = recorded_url(parts, path);
  key.method = "POST";
  key.path = split_url(url).path;
  const UserRules rules(options);
  key.canonical = dialect_key_text(key.method, key.path, body, is_bedrock(split_url(url).authority),
                                   test_id, rules);
  key.request = dialect_request(url, endpoint, std::move(body));
}

void key_generic(RequestKey& key, const std::string& url, const http::RequestHead& head,
                 Json payload, const std::optional<std::string>& test_id,
                 const MatchOptions& options, Reading reading) {
  key.method = upper(repaired_utf8(head.method));
  key.path = split_url(url).path;
  const UserRules rules(options);
  Json headers = Json::object();
  if (reading == Reading::kNow) {
    headers = selecting_headers(redact_headers(head.headers, options));
  }
  key.canonical = generic_key_text(
      key.method, url, reading == Reading::kNow ? meaning_of(payload, key.path) : payload, headers,
      test_id, options, rules);
  key.request = Json::object();
  key.request["test_id"] = test_id_json(test_id);
  key.request["url"] = url;
  key.request["method"] = key.method;
  if (!headers.empty()) key.request["headers"] = std::move(headers);
  key.request["payload"] = std::move(payload);
}

Result<RequestKey> key_of(const http::Exchange& request, const std::optional<std::string>& test_id,
                          const MatchOptions& options, bool body_unseen, Reading reading) {
  const std::string url =
      redact_url(filed_url(http::request_url(request.origin, request.request)), options);
  const UrlParts parts = split_url(url);
  RequestKey key;
  key.dialect = dialect_of(parts.path, options);
  Json payload = Json::object();
  if (!body_unseen) {
    Result<Json> read = read_payload(request, key.dialect, options, reading);
    if (!read) return read.error();
    payload = std::move(read).value();
  }
  if (key.dialect == Dialect::kGeneric) {
    key_generic(key, reading == Reading::kNow ? without_signature(url) : url, request.request,
                std::move(payload), test_id, options, reading);
  } else {
    key_dialect(key, parts, std::move(payload), test_id, options);
  }
  key.hash = sha256_hex(key.canonical);
  return key;
}

}  // namespace

const char* dialect_name(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAi:
      return "openai";
    case Dialect::kOllama:
      return "ollama";
    case Dialect::kGeneric:
      break;
  }
  return "generic";
}

Dialect dialect_of(std::string_view path, const MatchOptions& options) {
  if (std::find(kOllamaPaths.begin(), kOllamaPaths.end(), path) != kOllamaPaths.end()) {
    return Dialect::kOllama;
  }
  return openai_suffix(path, options).empty() ? Dialect::kGeneric : Dialect::kOpenAi;
}

bool leaves_test_id_out(std::string_view endpoint) {
  return endpoint == "/v1/models" || endpoint == "/v1/openai/v1/models" || endpoint == "/api/tags";
}

bool is_bedrock(std::string_view authority) {
  return authority.find("bedrock") != std::string_view::npos;
}

Json test_id_json(const std::optional<std::string>& test_id) {
  if (!test_id || test_id->empty()) return nullptr;
  return repaired_utf8(*test_id);
}

std::string dialect_key_text(std::string_view method, std::string_view endpoint, const Json& body,
                             bool drop_stream_options, const std::optional<std::string>& test_id,
                             const UserRules& rules) {
  Json object = Json::object();
  object["method"] = method;
  object["endpoint"] = endpoint;
  object["body"] = canonical_body(body, drop_stream_options, rules);
  if (!leaves_test_id_out(endpoint)) object["test_id"] = test_id_json(test_id);
  return python_text(object);
}

std::string generic_key_text(std::string_view method, std::string_view url, const Json& payload,
                             const Json& headers, const std::optional<std::string>& test_id,
                             const MatchOptions& options, const UserRules& rules) {
  UrlParts parts = split_url(url);
  std::string query(parts.query);
  if (!options.ignore_query.empty() && parts.has_query) {
    std::vector<Parameter> kept = split_parameters(parts.query);
    std::erase_if(kept, [&](const Parameter& parameter) {
      const std::string name = decode_parameter(parameter.name);
      return std::find(options.ignore_query.begin(), options.ignore_query.end(), name) !=
             options.ignore_query.end();
    });
    query = join_parameters(kept);
    parts.has_query = !query.empty();
    parts.query = query;
  }
  Json object = Json::object();
  object["test_id"] = test_id_json(test_id);
  object["url"] = join_url(parts);
  object["method"] = method;
  object["payload"] = canonical_body(payload, false, rules);
  if (!headers.empty()) object["headers"] = headers;
  return python_text(object);
}

Result<RequestKey> compute_key(const http::Exchange& request,
                               const std::optional<std::string>& test_id,
                               const MatchOptions& options, bool body_unseen) {
  try {
    return key_of(request, test_id, options, body_unseen, Reading::kNow);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("request can't be keyed: ") + error.what()};
  }
}

Result<std::string> hash_before(const http::Exchange& request,
                                const std::optional<std::string>& test_id,
                                const MatchOptions& options) {
  try {
    const auto key = key_of(request, test_id, options, false, Reading::kBefore);
    if (!key) return key.error();
    return key->hash;
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("request can't be keyed: ") + error.what()};
  }
}

}  // namespace recshim::match
