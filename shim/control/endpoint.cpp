// See endpoint.h.
#include "shim/control/endpoint.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstring>

namespace recshim::control {

std::string v4_text(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                     address & 255);
}

bool Endpoint::is_v4() const {
  static constexpr uint8_t kPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(address.data(), kPrefix, sizeof kPrefix) == 0;
}

uint32_t Endpoint::v4() const {
  return uint32_t{address[12]} << 24 | uint32_t{address[13]} << 16 | uint32_t{address[14]} << 8 |
         address[15];
}

bool Endpoint::is_loopback() const {
  if (is_v4()) return address[12] == 127;
  in6_addr v6{};
  std::memcpy(&v6, address.data(), sizeof v6);
  return IN6_IS_ADDR_LOOPBACK(&v6);
}

bool Endpoint::is_synthetic() const {
  return is_v4() && (v4() & ~(kSyntheticCount - 1)) == kSyntheticBase;
}

std::string Endpoint::text() const {
  if (is_v4()) return v4_text(v4());
  char buffer[INET6_ADDRSTRLEN] = "";
  inet_ntop(AF_INET6, address.data(), buffer, sizeof buffer);
  return buffer;
}

std::optional<Endpoint> endpoint_of(const sockaddr* address, socklen_t length) {
  Endpoint endpoint;
  if (address == nullptr || length < sizeof(sa_family_t)) return std::nullopt;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof in);
    endpoint.address[10] = endpoint.address[11] = 0xff;
    std::memcpy(&endpoint.address[12], &in.sin_addr, 4);
    endpoint.port = ntohs(in.sin_port);
    return endpoint;
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    std::memcpy(endpoint.address.data(), &in.sin6_addr, 16);
    endpoint.port = ntohs(in.sin6_port);
    return endpoint;
  }
  return std::nullopt;
}

std::optional<Endpoint> endpoint_from_text(const std::string& address, uint16_t port) {
  Endpoint endpoint;
  endpoint.port = port;
  in_addr v4{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    endpoint.address[10] = endpoint.address[11] = 0xff;
    std::memcpy(&endpoint.address[12], &v4, 4);
    return endpoint;
  }
  if (inet_pton(AF_INET6, address.c_str(), endpoint.address.data()) == 1) return endpoint;
  return std::nullopt;
}

socklen_t to_sockaddr(const Endpoint& endpoint, int family, sockaddr_storage* out) {
  std::memset(out, 0, sizeof *out);
  if (family == AF_INET && endpoint.is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(out);
    in->sin_family = AF_INET;
    in->sin_port = htons(endpoint.port);
    std::memcpy(&in->sin_addr, &endpoint.address[12], 4);
    return sizeof *in;
  }
  if (family == AF_INET6) {
    auto* in = reinterpret_cast<sockaddr_in6*>(out);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(endpoint.port);
    std::memcpy(&in->sin6_addr, endpoint.address.data(), 16);
    return sizeof *in;
  }
  return 0;
}

}  // namespace recshim::control
