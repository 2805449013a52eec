// See first_bytes.h.
#include "shim/flow/first_bytes.h"

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
    return "the client speaks HTTP/2 with prior knowledge, which is not supported yet";
  }
  return "the client speaks neither HTTP nor TLS";
}

}  // namespace recshim::flow
