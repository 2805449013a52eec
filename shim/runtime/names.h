// Addresses and the host names they stand for: what lookups answered, and the synthetic
// addresses (198.18.0.0/15, RFC 2544) that stand for configured hosts without any DNS.
// Synthetic addresses agree across the processes of a session.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace recshim::runtime {

// An IP address and port; IPv4 as v4-mapped IPv6 (RFC 4291 §2.5.5.2).
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

// The dotted synthetic address of host, the same in every process of the session.
// REQUIRES: OwnWork.
std::string synthetic_address(const std::string& host);
// Remembers that a lookup of host answered this address. REQUIRES: OwnWork.
void remember_lookup(const std::string& host, const Endpoint& endpoint);
// The name asked for, or nullopt. REQUIRES: OwnWork.
std::optional<std::string> host_of(const Endpoint& endpoint);
// Loopback, this machine's own addresses, and the /etc/hosts names of either.
bool is_local_host(const std::string& host);
bool is_numeric_host(const std::string& host);

void lock_names_for_fork();
void unlock_names_after_fork();

}  // namespace recshim::runtime
