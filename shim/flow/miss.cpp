// Renders the miss response. Owns no state.
#include "shim/flow/miss.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace recshim::flow {
namespace {

constexpr size_t kMaxGrpcMessageBytes = 4096;  // peers limit metadata, often to 8 KiB

std::string header_value(std::string_view key) {
  std::string value;
  for (const char c : key) {
    if (c > 0x20 && c < 0x7f) value.push_back(c);
  }
  return value;
}

// Source: gRPC over HTTP/2, Status-Message.
std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= 0x20 && c < 0x7f && c != '%') {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    if (out.size() >= kMaxGrpcMessageBytes) break;
  }
  return out;
}

}  // namespace

http::Exchange miss_response(std::string_view key, std::string_view diagnosis) {
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

  http::Exchange exchange;
  auto& head = exchange.response;
  head.status = 424;
  head.reason = "Failed Dependency";
  head.headers = {{"Content-Type", "application/json"},
                  {"Content-Length", std::to_string(text.size())},
                  {"X-Recshim-Miss", header_value(key)},
                  {"X-Should-Retry", "false"}};
  exchange.framing = http::Framing::kLength;
  (void)exchange.response_body.append(text);  // small: stays in memory
  return exchange;
}

http::Exchange grpc_miss_response(std::string_view key, std::string_view diagnosis) {
  constexpr const char* kFailedPrecondition = "9";
  http::Exchange exchange;
  exchange.response.status = 200;
  exchange.response.headers = {{"content-type", "application/grpc"},
                               {"grpc-status", kFailedPrecondition},
                               {"grpc-message", percent_encoded(diagnosis)},
                               {"x-recshim-miss", header_value(key)}};
  return exchange;
}

std::string render_miss(std::string_view key, std::string_view diagnosis, bool head_only,
                        bool closes) {
  http::Exchange exchange = miss_response(key, diagnosis);
  auto& head = exchange.response;
  if (closes) head.headers.push_back({"Connection", "close"});
  std::string wire = http::serialize(head);
  if (!head_only) wire += exchange.response_body.view();
  return wire;
}

}  // namespace recshim::flow
