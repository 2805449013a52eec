// What a client's first bytes make of a connection, in both modes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shim/http/codec.h"

namespace recshim::flow {

// More than this is never waited for.
inline constexpr size_t kMaxFirstBytes = size_t{64} << 10;

// http::sniff() with that bound: what is unclear then is kOther.
http::Protocol look_at(std::string_view first_bytes);

// Why a connection of this protocol is not followed, for people. REQUIRES: kHttp2 or kOther.
std::string why_foreign(http::Protocol protocol);

// Ports of protocols in which the server speaks first: a client there would wait for ever
// for a server that waits for a request. Source: IANA service names and port numbers.
bool server_speaks_first(uint16_t port);
// Why a connection to one is not replayed, for people.
inline constexpr const char* kServerSpeaksFirst =
    "on this port the server speaks first, so it is not HTTP";
// The same of TLS whose client offers no version of HTTP that is spoken here.
inline constexpr const char* kNoKnownProtocol =
    "the program offers neither HTTP/1.1 nor HTTP/2 by ALPN; leave the host out of RECSHIM_HOSTS "
    "if "
    "it is another protocol";

}  // namespace recshim::flow
