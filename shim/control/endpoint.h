// IP addresses with a port, as values and as socket addresses. Pure.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace recshim::control {

// The synthetic addresses that stand for configured hosts: 198.18.0.0/15 (RFC 2544).
inline constexpr uint32_t kSyntheticBase = (198u << 24) | (18u << 16);
inline constexpr uint32_t kSyntheticCount = 1u << 17;

// IPv4 as v4-mapped IPv6 (RFC 4291 §2.5.5.2).
struct Endpoint {
  std::array<uint8_t, 16> address{};
  uint16_t port = 0;

  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] uint32_t v4() const;  // host order. REQUIRES: is_v4().
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_synthetic() const;
  [[nodiscard]] std::string text() const;  // without port and brackets
};
// nullopt for other families or a short length.
std::optional<Endpoint> endpoint_of(const sockaddr* address, socklen_t length);
std::optional<Endpoint> endpoint_from_text(const std::string& address, uint16_t port);
// For a socket of family AF_INET or AF_INET6; 0 when the family can't carry it.
socklen_t to_sockaddr(const Endpoint& endpoint, int family, sockaddr_storage* out);
// "a.b.c.d" of an address in host order.
std::string v4_text(uint32_t address);

}  // namespace recshim::control
