// See names.h. The session's shared list is `<session_dir>/addresses`: lines of
// "<address> <host>", appended under its lock, never changed.
#include "shim/runtime/names.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <unistd.h>

#include <cstring>
#include <mutex>
#include <set>
#include <sstream>
#include <unordered_map>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/http/message.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

constexpr uint32_t kSyntheticBase = (198u << 24) | (18u << 16);
constexpr uint32_t kSyntheticCount = 1u << 17;

struct Names {
  std::mutex mutex;
  std::unordered_map<std::string, std::string> looked_up;     // address text → host
  std::unordered_map<std::string, uint32_t> synthetic;        // host → address
  std::unordered_map<uint32_t, std::string> synthetic_hosts;  // address → host
  std::once_flag local_once;
  std::set<std::string> local_hosts;  // addresses and names
};

Names& names() {
  static auto* instance = new Names;  // never destroyed: used until the process ends
  return *instance;
}

std::string v4_text(uint32_t address) {
  return fmt::format("{}.{}.{}.{}", address >> 24, (address >> 16) & 255, (address >> 8) & 255,
                     address & 255);
}

// REQUIRES: names().mutex held.
void load_session_addresses() {
  auto* self = runtime();
  if (self == nullptr) return;
  auto text = posix_env().read_file(self->config.session_dir + "/addresses");
  if (!text) return;
  std::istringstream lines(*text);
  std::string address;
  std::string host;
  while (lines >> address >> host) {
    in_addr parsed{};
    if (inet_pton(AF_INET, address.c_str(), &parsed) != 1) continue;
    const uint32_t value = ntohl(parsed.s_addr);
    names().synthetic[host] = value;
    names().synthetic_hosts[value] = host;
  }
}

// REQUIRES: names().mutex held. Picks the first free address from where the name hashes to.
uint32_t allocate_address(const std::string& host) {
  uint32_t hash = 2166136261u;  // FNV-1a: only spreads, collisions are resolved below
  for (const unsigned char c : host) hash = (hash ^ c) * 16777619u;
  for (uint32_t i = 0;; ++i) {
    const uint32_t offset = (hash + i) % kSyntheticCount;
    const uint32_t last = offset & 255;
    if (last == 0 || last == 255) continue;
    if (names().synthetic_hosts.count(kSyntheticBase + offset) == 0) return kSyntheticBase + offset;
  }
}

void load_local_hosts() {
  auto& local = names().local_hosts;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) == 0) {
    for (auto* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr) continue;
      if (auto endpoint = endpoint_of(entry->ifa_addr, sizeof(sockaddr_in6))) {
        local.insert(endpoint->text());
      }
    }
    freeifaddrs(interfaces);
  }
  auto hosts = posix_env().read_file("/etc/hosts");
  if (!hosts) return;
  std::istringstream lines(*hosts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    if (!(words >> address)) continue;
    auto endpoint = endpoint_from_text(address, 0);
    if (!endpoint || (!endpoint->is_loopback() && local.count(endpoint->text()) == 0)) continue;
    for (std::string name; words >> name;) local.insert(http::to_lower(name));
  }
}

}  // namespace

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

std::string synthetic_address(const std::string& host) {
  const std::lock_guard lock(names().mutex);
  auto found = names().synthetic.find(host);
  if (found != names().synthetic.end()) return v4_text(found->second);
  auto* self = runtime();
  std::unique_ptr<FileLock> file_lock;
  std::string path;
  if (self != nullptr && posix_env().make_dirs(self->config.session_dir, 0700).ok()) {
    path = self->config.session_dir + "/addresses";
    if (auto taken = posix_env().lock(path + ".lock")) file_lock = std::move(*taken);
    load_session_addresses();
    found = names().synthetic.find(host);
    if (found != names().synthetic.end()) return v4_text(found->second);
  }
  const uint32_t address = allocate_address(host);
  names().synthetic[host] = address;
  names().synthetic_hosts[address] = host;
  if (!path.empty()) {
    auto status = posix_env().append(path, v4_text(address) + " " + host + "\n");
    if (!status.ok()) log::warn("synthetic address not shared: {}", status.error().message);
  }
  return v4_text(address);
}

void remember_lookup(const std::string& host, const Endpoint& endpoint) {
  const std::lock_guard lock(names().mutex);
  names().looked_up[endpoint.text()] = host;
}

std::optional<std::string> host_of(const Endpoint& endpoint) {
  const std::lock_guard lock(names().mutex);
  if (endpoint.is_synthetic()) {
    auto found = names().synthetic_hosts.find(endpoint.v4());
    if (found == names().synthetic_hosts.end()) {
      load_session_addresses();  // another process of the session may have made it
      found = names().synthetic_hosts.find(endpoint.v4());
    }
    if (found != names().synthetic_hosts.end()) return found->second;
    return std::nullopt;
  }
  const auto found = names().looked_up.find(endpoint.text());
  if (found == names().looked_up.end()) return std::nullopt;
  return found->second;
}

bool is_local_host(const std::string& host) {
  if (host == "localhost" || (host.size() > 10 && host.ends_with(".localhost"))) return true;
  if (auto endpoint = endpoint_from_text(host, 0)) {
    if (endpoint->is_loopback()) return true;
    static constexpr std::array<uint8_t, 16> kAny{};
    if (endpoint->address == kAny || (endpoint->is_v4() && endpoint->v4() == 0)) return true;
  }
  std::call_once(names().local_once, load_local_hosts);
  return names().local_hosts.count(host) != 0;
}

bool is_numeric_host(const std::string& host) {
  return endpoint_from_text(host, 0).has_value();
}

void lock_names_for_fork() {
  names().mutex.lock();
}
void unlock_names_after_fork() {
  names().mutex.unlock();
}

}  // namespace recshim::runtime
