// What a client says to a SOCKS proxy, as far as it tells where the connection is to lead.
#pragma once

#include <cstddef>
#include <string_view>

#include "shim/http/message.h"

namespace recshim::flow {

struct SocksMessage {
  enum class State {
    kNeedMore,  // it may be one
    kNone,      // it is none
    kGreeting,  // methods, or credentials: a request follows
    kRequest    // the connection's content follows
  };
  State state = State::kNone;
  size_t size_bytes = 0;  // of a whole one
  http::Origin target;    // of a request; scheme "", host a name in lower case or an address
};

// bytes: from the message's first on. greeted: a greeting has been seen.
// Source: RFC 1928 §3 to §5, RFC 1929 §2, and for version 4 the "SOCKS 4A" memo of Ying-Da Lee.
SocksMessage read_socks(std::string_view bytes, bool greeted);

}  // namespace recshim::flow
