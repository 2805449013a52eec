// See asking_headers.h.
#include "shim/match/asking_headers.h"

#include <algorithm>
#include <array>
#include <map>

#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

constexpr std::array<std::string_view, 21> kSelecting = {
    // RFC 9110 §13, §14, and what resumes uploads
    "content-range", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "range", "upload-offset", "x-ms-range",
    // the action
    "soapaction", "x-amz-target", "x-http-method", "x-http-method-override", "x-method-override",
    // what it acts on: RFC 4918 §10, and APIs that copy or name it there
    "depth", "destination", "dropbox-api-arg", "x-amz-copy-source", "x-amz-copy-source-range",
    "x-goog-copy-source", "x-ms-copy-source"};
constexpr std::array<std::string_view, 6> kWishing = {
    "accept", "accept-charset", "accept-encoding", "accept-language", "content-type", "prefer"};

// A boundary is drawn anew for each request.
std::string without_boundary(const std::string& value) {
  if (!http::to_lower(value).starts_with("multipart/")) return value;
  return value.substr(0, value.find(';'));
}

template <typename Wanted>
Json chosen(const http::Headers& headers, const Wanted& wanted) {
  std::map<std::string, std::string> values;
  for (const http::Header& header : headers) {
    const std::string name = http::to_lower(header.name);
    if (!wanted(name)) continue;
    const auto [it, is_new] = values.try_emplace(name, repaired_utf8(header.value));
    if (!is_new) it->second += ", " + repaired_utf8(header.value);
  }
  Json out = Json::object();
  for (auto& [name, value] : values) out[name] = std::move(value);
  return out;
}

}  // namespace

Json selecting_headers(const http::Headers& headers) {
  return chosen(headers, [&](const std::string& name) {
    return std::find(kSelecting.begin(), kSelecting.end(), name) != kSelecting.end();
  });
}

Json wishing_headers(const http::Headers& headers) {
  Json out = chosen(headers, [&](const std::string& name) {
    return std::find(kWishing.begin(), kWishing.end(), name) != kWishing.end();
  });
  if (const auto type = out.find("content-type"); type != out.end()) {
    *type = without_boundary(type->get_ref<const std::string&>());
  }
  return out;
}

}  // namespace recshim::match
