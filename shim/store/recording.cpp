// A recording file as a value: parsing, text, and what it says of itself.
// Conversion from and to exchanges is in encode.cpp and decode.cpp.
#include "shim/store/recording.h"

#include <algorithm>

#include "shim/match/python_json.h"
#include "shim/store/file_text.h"
#include "shim/store/json_bytes.h"

namespace recshim::store {
namespace {

Error shape(const std::string& path, const std::string& what) {
  return Error{ErrorCode::kInvalid, path + ": " + what};
}

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto it = json.find(key);
  return it == json.end() ? nullptr : &*it;
}

std::string text_member(const Json* json, const char* key) {
  if (json == nullptr) return {};
  const Json* value = member(*json, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

}  // namespace

Result<Recording> Recording::parse(std::string_view text) {
  std::string why;
  auto json = parse_json(text, &why);
  if (!json) return Error{ErrorCode::kInvalid, "not JSON: " + why};
  if (!json->is_object()) return shape("/", "must be an object");
  for (const char* key : {"request", "response"}) {
    const Json* value = member(*json, key);
    if (value == nullptr || !value->is_object()) {
      return shape(std::string("/") + key, value == nullptr ? "is missing" : "must be an object");
    }
  }
  const Json* test = member(*json, "test_id");
  if (test != nullptr && !test->is_null() && !test->is_string()) {
    return shape("/test_id", "must be a string or null");
  }
  const Json* own = member(*json, "recshim");
  if (own != nullptr) {
    if (!own->is_object()) return shape("/recshim", "must be an object");
    const Json* version = member(*own, "version");
    if (version == nullptr || !version->is_number_integer()) {
      return shape("/recshim/version", "must be a whole number");
    }
    if (*version != 1) {
      return Error{ErrorCode::kUnsupported,
                   "/recshim/version: " + version->dump() + " was written by a newer recshim"};
    }
    const Json* repeat = member(*own, "repeat");
    if (repeat != nullptr && (!repeat->is_number_integer() || *repeat < 1)) {
      return shape("/recshim/repeat", "must be a whole number from 1");
    }
  }
  return Recording{std::move(*json)};
}

std::string Recording::text() const {
  return file_text(json);
}

bool Recording::from_recshim() const {
  return member(json, "recshim") != nullptr;
}

int Recording::repeat() const {
  const Json* own = member(json, "recshim");
  const Json* value = own == nullptr ? nullptr : member(*own, "repeat");
  return value != nullptr && value->is_number_integer() ? value->get<int>() : 1;
}

std::string Recording::host() const {
  const Json* own = member(json, "recshim");
  std::string url = text_member(own, "origin");
  if (url.empty()) url = text_member(member(json, "request"), "url");
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) return {};
  std::string_view rest = std::string_view(url).substr(scheme + 3);
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
  if (rest.starts_with('[')) {
    rest.remove_prefix(1);
    rest = rest.substr(0, rest.find(']'));
  } else {
    rest = rest.substr(0, rest.find(':'));
  }
  return http::to_lower(rest);
}

std::optional<std::string> Recording::test_id() const {
  const Json* value = member(json, "test_id");
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

std::optional<std::string> Recording::not_http() const {
  const Json* request = member(json, "request");
  if (request == nullptr || member(*request, "url") != nullptr) return std::nullopt;
  const std::string provider = text_member(request, "provider");
  if (member(*request, "tool_name") != nullptr) {
    return "a tool invocation (" + provider + " " + text_member(request, "tool_name") +
           "), not an HTTP exchange";
  }
  return "a call of " + (provider.empty() ? std::string("something") : provider) +
         " without a url, not an HTTP exchange";
}

std::vector<std::string> default_volatile_headers() {
  return {"age",
          "anthropic-ratelimit-*",
          "apim-request-id",
          "cf-ray",
          "openai-processing-ms",
          "request-id",
          "server-timing",
          "x-amzn-requestid",
          "x-amzn-trace-id",
          "x-cloud-trace-context",
          "x-envoy-upstream-service-time",
          "x-ms-request-id",
          "x-ratelimit-*",
          "x-request-id",
          "x-runtime"};
}

}  // namespace recshim::store
