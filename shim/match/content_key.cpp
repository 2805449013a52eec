// Keys of requests as they stand in recording files; see hash_of_recorded() and
// content_hash() in request_key.h.
#include <algorithm>
#include <exception>
#include <vector>

#include "shim/base/sha256.h"
#include "shim/match/genai_content.h"
#include "shim/match/key_rules.h"
#include "shim/match/meaning.h"
#include "shim/match/signed_parameters.h"
#include "shim/match/url.h"

namespace recshim::match {
namespace {

const std::string* text_member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>()
                                                     : nullptr;
}

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() ? &*found : nullptr;
}

// What the key needs of a file's request; nullopt when it is not an HTTP one.
struct Recorded {
  std::string method;
  std::string url;
  const Json* body = nullptr;     // of a dialect
  const Json* payload = nullptr;  // of a generic request
  Json headers;                   // that select what is asked, of a generic request
};

std::optional<Recorded> read_recorded(const Json& request) {
  const std::string* method = text_member(request, "method");
  const std::string* url = text_member(request, "url");
  if (method == nullptr || url == nullptr) return std::nullopt;
  Recorded out{*method, *url, member(request, "body"), member(request, "payload"), Json()};
  if (out.body == nullptr && out.payload == nullptr) return std::nullopt;
  if (const Json* headers = member(request, "headers");
      out.body == nullptr && headers != nullptr && headers->is_object()) {
    out.headers = *headers;
  }
  return out;
}

std::string key_text(const Recorded& recorded, const std::optional<std::string>& test_id,
                     const MatchOptions& options) {
  const UserRules rules(options);
  if (recorded.body == nullptr) {
    const std::string url = without_signature(recorded.url);
    return generic_key_text(recorded.method, url,
                            meaning_of(*recorded.payload, split_url(url).path), recorded.headers,
                            test_id, options, rules);
  }
  const UrlParts parts = split_url(recorded.url);
  return dialect_key_text(recorded.method, parts.path, *recorded.body, is_bedrock(parts.authority),
                          test_id, rules);
}

// The parameters of a query by name, those of one name in their order, each spelled one way.
std::string with_sorted_query(const std::string& url) {
  UrlParts parts = split_url(url);
  std::vector<Parameter> parameters = split_parameters(parts.query);
  std::vector<std::pair<std::string, std::string>> spelled;
  for (const Parameter& parameter : parameters) {
    const std::string name = percent_encoded(decode_parameter(parameter.name));
    spelled.emplace_back(name, parameter.has_value
                                   ? name + "=" + percent_encoded(decode_parameter(parameter.value))
                                   : name);
  }
  std::stable_sort(spelled.begin(), spelled.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string query;
  for (const auto& [name, text] : spelled) query += (query.empty() ? "" : "&") + text;
  parts.query = query;
  return join_url(parts);
}

Json openai_content(const Json& body, bool bedrock) {
  Json out = Json::object();
  Json query = Json::object();
  for (const auto& [key, value] : body.get_ref<const Json::object_t&>()) {
    if (key == "extra_query") {
      query = value;
    } else if (key != "extra_body" && key != "extra_headers" && key != "timeout") {
      out[key] = value;
    }
  }
  if (const Json* extra = member(body, "extra_body"); extra != nullptr && extra->is_object()) {
    for (const auto& [key, value] : extra->get_ref<const Json::object_t&>()) out[key] = value;
  }
  out.erase("project_id");
  if (query.is_object()) query.erase("project_id");
  if (!query.empty()) out["extra_query"] = std::move(query);
  if (bedrock) out.erase("stream_options");
  if (out.contains("stream") && out["stream"] == false) out.erase("stream");
  // What the SDK asks for when the caller does not say.
  if (out.contains("encoding_format") && out["encoding_format"] == "base64") {
    out.erase("encoding_format");
  }
  return out;
}

Json ollama_content(const Json& body, std::string_view path) {
  Json out = Json::object();
  for (const auto& [key, value] : body.get_ref<const Json::object_t&>()) {
    const bool empty_text = value.is_string() && value.get_ref<const std::string&>().empty();
    const bool empty = value.is_null() || empty_text || (value.is_structured() && value.empty());
    if (!empty && key != "stream") out[key] = value;
  }
  if (path == "/api/generate" || path == "/api/chat" || path == "/api/pull") {
    const Json* stream = member(body, "stream");
    out["stream"] = stream != nullptr && stream->is_boolean() && stream->get<bool>();
    if (path == "/api/pull" && out.contains("insecure") && out["insecure"] == false) {
      out.erase("insecure");
    }
  }
  return out;
}

std::string genai_hash(const GenaiRequest& request, const std::optional<std::string>& test_id,
                       const MatchOptions& options) {
  const char* url =
      request.streamed ? "vertexai:///generate_content_stream" : "vertexai:///generate_content";
  return sha256_hex(
      generic_key_text("POST", url, request.content, Json(), test_id, options, UserRules(options)));
}

}  // namespace

std::optional<std::string> hash_of_recorded(const Json& request,
                                            const std::optional<std::string>& test_id,
                                            const MatchOptions& options) {
  try {
    const std::optional<Recorded> recorded = read_recorded(request);
    if (!recorded) return std::nullopt;
    const std::string text = key_text(*recorded, test_id, options);
    return sha256_hex(text);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<std::string> content_hash(const Json& request,
                                        const std::optional<std::string>& test_id,
                                        const MatchOptions& options) {
  try {
    std::optional<Recorded> recorded = read_recorded(request);
    if (!recorded) return std::nullopt;
    if (recorded->body != nullptr) {
      if (const auto genai = genai_of_file(recorded->url, *recorded->body)) {
        return genai_hash(*genai, test_id, options);
      }
    }
    Json content;
    if (recorded->body != nullptr && recorded->body->is_object()) {
      const UrlParts parts = split_url(recorded->url);
      content = dialect_of(parts.path, options) == Dialect::kOllama
                    ? ollama_content(*recorded->body, parts.path)
                    : openai_content(*recorded->body, is_bedrock(parts.authority));
      recorded->body = &content;
    }
    if (recorded->body == nullptr) recorded->url = with_sorted_query(recorded->url);
    return sha256_hex(key_text(*recorded, test_id, options));
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

std::optional<std::string> sdk_content_hash(const Json& request,
                                            const std::optional<std::string>& test_id,
                                            const MatchOptions& options) {
  try {
    const std::optional<Recorded> recorded = read_recorded(request);
    if (!recorded || recorded->payload == nullptr) return std::nullopt;
    const auto genai = genai_of_wire(recorded->url, *recorded->payload);
    if (!genai) return std::nullopt;
    return genai_hash(*genai, test_id, options);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace recshim::match
