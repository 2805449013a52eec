// See asked.h.
#include "shim/store/asked.h"

#include "shim/match/asking_headers.h"
#include "shim/match/redact.h"
#include "shim/store/json_bytes.h"

namespace recshim::store {
namespace {

const Json* member(const Json* object, const char* name) {
  if (object == nullptr || !object->is_object()) return nullptr;
  const auto found = object->find(name);
  return found == object->end() ? nullptr : &*found;
}

// As they were filed, or nullopt where the file does not tell. What is malformed is passed over:
// whoever replays the file finds it out.
std::optional<http::Headers> sent_headers(const Recording& recording) {
  const Json* const list = member(member(member(&recording.json, "recshim"), "request"), "headers");
  if (list == nullptr || !list->is_array()) return std::nullopt;
  http::Headers out;
  for (const Json& pair : *list) {
    if (!pair.is_array() || pair.size() != 2) continue;
    try {
      out.push_back({bytes_from_json(pair[0], ""), bytes_from_json(pair[1], "")});
    } catch (const ShapeError&) {
      continue;
    }
  }
  return out;
}

// Those that belong to the key under options; from what was sent, where the file tells.
Json key_headers(const Recording& recording, const match::MatchOptions& options) {
  if (const auto sent = sent_headers(recording)) {
    return match::selecting_headers(match::redact_headers(*sent, options));
  }
  const Json* const filed = member(member(&recording.json, "request"), "headers");
  return filed != nullptr && filed->is_object() ? *filed : Json::object();
}

bool is_generic(const Json& request) {
  return request.is_object() && request.contains("payload") && !request.contains("body");
}

}  // namespace

Json request_under(const Recording& recording, const match::MatchOptions& options) {
  const Json* const request = member(&recording.json, "request");
  if (request == nullptr) return nullptr;
  Json out = *request;
  if (!is_generic(out)) return out;
  Json headers = key_headers(recording, options);
  if (headers.empty()) {
    out.erase("headers");
  } else {
    out["headers"] = std::move(headers);
  }
  return out;
}

bool asks_the_same(const Recording& recording, const match::RequestKey& key,
                   const match::MatchOptions& options) {
  if (key.dialect != match::Dialect::kGeneric) return true;
  const Json recorded = key_headers(recording, options);
  const Json* const asked = member(&key.request, "headers");
  return asked == nullptr ? recorded.empty() : recorded == *asked;
}

Json wishes_of(const http::Exchange& request, const match::RequestKey& key) {
  if (key.dialect != match::Dialect::kGeneric) return Json::object();
  return match::wishing_headers(request.request.headers);
}

Json wishes_of(const Recording& recording) {
  const Json* const request = member(&recording.json, "request");
  const auto sent = sent_headers(recording);
  if (request == nullptr || !is_generic(*request) || !sent) return Json::object();
  return match::wishing_headers(*sent);
}

int agreement(const Json& recorded, const Json& asked) {
  int points = 0;
  for (const auto& [name, value] : asked.items()) {
    const auto other = recorded.find(name);
    points += other == recorded.end() ? -1 : *other == value ? 1 : 0;
  }
  for (const auto& [name, value] : recorded.items()) points -= asked.contains(name) ? 0 : 1;
  return points;
}

}  // namespace recshim::store
