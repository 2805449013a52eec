// See meaning.h.
#include "shim/match/meaning.h"

#include <algorithm>
#include <functional>

#include "shim/match/graphql.h"

namespace recshim::match {
namespace {

const std::string* text_of(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get_ptr<const std::string*>()
                                                     : nullptr;
}

bool each(const Json& payload, const std::function<bool(const Json&)>& holds) {
  if (payload.is_object()) return holds(payload);
  return payload.is_array() && !payload.empty() &&
         std::all_of(payload.begin(), payload.end(), holds);
}

void change_each(Json& payload, const std::function<void(Json&)>& change) {
  if (payload.is_object()) return change(payload);
  for (Json& item : payload) change(item);
}

// Of git-lfs's batch API, by what it must hold.
bool is_lfs_batch(const Json& payload) {
  const std::string* const operation = text_of(payload, "operation");
  if (operation == nullptr || (*operation != "download" && *operation != "upload")) return false;
  const auto objects = payload.find("objects");
  const auto transfers = payload.find("transfers");
  return objects != payload.end() && objects->is_array() && transfers != payload.end() &&
         transfers->is_array() &&
         std::all_of(objects->begin(), objects->end(),
                     [](const Json& object) { return text_of(object, "oid") != nullptr; });
}

}  // namespace

bool is_json_rpc(const Json& payload) {
  return each(payload, [](const Json& call) {
    return text_of(call, "jsonrpc") != nullptr && text_of(call, "method") != nullptr;
  });
}

bool is_graphql(const Json& payload, std::string_view path) {
  const bool by_path = path.find("graphql") != std::string_view::npos;
  return each(payload, [&](const Json& request) {
    const std::string* const query = text_of(request, "query");
    return query != nullptr &&
           (by_path || request.contains("variables") || request.contains("operationName")) &&
           graphql_tokens(*query).has_value();
  });
}

Json meaning_of(Json payload, std::string_view path) {
  if (is_json_rpc(payload)) {
    // A call without an id wants no answer: it is another request.
    change_each(payload, [](Json& call) {
      if (call.contains("id")) call["id"] = "__ID__";
    });
  } else if (is_graphql(payload, path)) {
    change_each(payload, [](Json& request) {
      request["query"] = *graphql_tokens(request["query"].get_ref<const std::string&>());
    });
  } else if (is_lfs_batch(payload)) {
    Json& transfers = payload["transfers"];
    std::sort(transfers.begin(), transfers.end());
  }
  return payload;
}

}  // namespace recshim::match
