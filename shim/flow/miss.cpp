// Renders the miss response. Owns no state.
#include "shim/flow/miss.h"

#include <nlohmann/json.hpp>

#include "shim/http/message.h"

namespace recshim::flow {

std::string render_miss(std::string_view key, std::string_view diagnosis, bool head_only,
                        bool closes) {
  nlohmann::ordered_json error;
  error["message"] = std::string(diagnosis);
  error["type"] = "recshim_miss";
  error["param"] = nullptr;
  error["code"] = "recshim_miss";
  nlohmann::ordered_json body;
  body["error"] = std::move(error);
  // A diagnosis may quote bytes of the request that are no UTF-8.
  const std::string text =
      body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);

  std::string name;
  for (const char c : key) {
    if (c > 0x20 && c < 0x7f) name.push_back(c);
  }
  http::ResponseHead head;
  head.status = 424;
  head.reason = "Failed Dependency";
  head.headers = {{"Content-Type", "application/json"},
                  {"Content-Length", std::to_string(text.size())},
                  {"X-Recshim-Miss", name},
                  {"X-Should-Retry", "false"}};
  if (closes) head.headers.push_back({"Connection", "close"});
  std::string wire = http::serialize(head);
  if (!head_only) wire += text;
  return wire;
}

}  // namespace recshim::flow
