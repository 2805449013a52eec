// See first_bytes.h.
#include "shim/flow/first_bytes.h"

#include <algorithm>
#include <array>

namespace recshim::flow {

http::Protocol look_at(std::string_view first_bytes) {
  const auto protocol = http::sniff(first_bytes.substr(0, kMaxFirstBytes));
  if (protocol == http::Protocol::kNeedMore && first_bytes.size() >= kMaxFirstBytes) {
    return http::Protocol::kOther;
  }
  return protocol;
}

std::string why_foreign(http::Protocol protocol) {
  if (protocol == http::Protocol::kHttp2) {
    return "the client speaks HTTP/2 without TLS to a proxy, which is not supported";
  }
  return "the client speaks neither HTTP nor TLS";
}

bool server_speaks_first(uint16_t port) {
  constexpr std::array<uint16_t, 9> kPorts = {21, 22, 23, 25, 110, 119, 143, 587, 3306};
  return std::find(kPorts.begin(), kPorts.end(), port) != kPorts.end();
}

}  // namespace recshim::flow
