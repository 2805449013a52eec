// Fast reading of recording files for the index. See summary.h.
#include "shim/store/summary.h"

#include <algorithm>

#include "shim/match/url.h"
#include "shim/store/asked.h"
#include "shim/store/json_bytes.h"
#include "shim/store/json_scanner.h"
#include "shim/store/recording.h"

namespace recshim::store {
std::optional<Json> request_in(std::string_view text) {
  std::optional<Json> out;
  JsonScanner(text).object([&](std::string_view key, std::string_view value) {
    if (key == "request") out = parse_json(value);
  });
  if (out && !out->is_object()) out.reset();
  return out;
}

std::optional<Summary> summarise(std::string_view text, const match::MatchOptions& options) {
  Recording head;
  head.json = Json::object();
  head.json["response"] = Json::object();
  bool whole = true;
  bool early = false;
  std::string phase;
  const auto put = [&](Json& into, std::string_view key, std::string_view value) {
    auto parsed = parse_json(value);
    if (parsed) {
      into[std::string(key)] = std::move(*parsed);
    } else {
      whole = false;
    }
  };
  const bool scanned = JsonScanner(text).object([&](std::string_view key, std::string_view value) {
    if (key == "test_id" || key == "request") put(head.json, key, value);
    if (key != "recshim") return;
    Json own = Json::object();
    JsonScanner(value).object([&](std::string_view inner, std::string_view part) {
      if (inner == "origin" || inner == "repeat" || inner == "phase" || inner == "version") {
        put(own, inner, part);
      }
      if (inner == "request") {
        Json sent = Json::object();
        JsonScanner(part).object([&](std::string_view name, std::string_view member) {
          if (name == "complete" && member == "false") early = true;
          if (name == "headers") put(sent, name, member);
        });
        own["request"] = std::move(sent);
      }
    });
    head.json["recshim"] = std::move(own);
  });
  if (!scanned || !whole || early || !head.json.contains("request")) return std::nullopt;
  const Json request = request_under(head, options);
  if (!request.is_object() || !request.contains("url") || !request["url"].is_string()) {
    return std::nullopt;
  }
  Summary out;
  out.from_recshim = head.from_recshim();
  const auto content = match::content_hash(request, std::nullopt, options);
  if (!content) return std::nullopt;
  out.content = *content;
  out.test_id = head.test_id();
  out.repeat = head.repeat();
  out.host = head.host();
  if (out.from_recshim) {
    const Json& own = head.json["recshim"];
    if (own.contains("phase") && own["phase"].is_string()) out.phase = own["phase"];
  }
  if (request.contains("method") && request["method"].is_string()) out.method = request["method"];
  out.path = std::string(match::split_url(request["url"].get_ref<const std::string&>()).path);
  out.sketch = match::sketch_of(request);
  return out;
}

}  // namespace recshim::store
