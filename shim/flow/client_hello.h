// Looks into a TLS ClientHello without doing TLS: whose it is and which host it names.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace recshim::flow {

struct ClientHello {
  enum class State {
    kNeedMore,  // it may be one
    kNone,      // it is none
    kWhole
  };
  State state = State::kNone;
  // Of a whole one:
  std::array<unsigned char, 32> random{};
  std::string server_name;             // lower case; empty where none is asked for
  std::vector<std::string> protocols;  // offered by ALPN, in order
  [[nodiscard]] bool offers(std::string_view protocol) const;
};

// first_bytes: what a client sent first, in records of any size.
// Source: RFC 8446 §4.1.2 (ClientHello), §5.1 (records), RFC 6066 §3 (server_name), RFC 7301 §3.1
// (ALPN).
ClientHello read_client_hello(std::string_view first_bytes);

}  // namespace recshim::flow
