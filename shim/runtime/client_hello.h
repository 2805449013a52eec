// Looks into a TLS ClientHello without doing TLS: whose it is and which host it names.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace recshim::runtime {

struct ClientHello {
  std::array<unsigned char, 32> random{};
  std::string server_name;  // lower case, empty without SNI
};

// first_bytes: what a client sent first. nullopt unless it holds a whole ClientHello in its
// first record.
// Source: RFC 8446 §4.1.2 (ClientHello), §5.1 (records), RFC 6066 §3 (server_name).
std::optional<ClientHello> parse_client_hello(std::string_view first_bytes);

}  // namespace recshim::runtime
