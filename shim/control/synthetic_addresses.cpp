// See synthetic_addresses.h.
#include "shim/control/synthetic_addresses.h"

#include <memory>
#include <mutex>
#include <sstream>

#include "shim/base/log.h"
#include "shim/control/endpoint.h"

namespace recshim::control {

SyntheticAddresses::SyntheticAddresses(Env& env, std::string session_dir)
    : env_(env), session_dir_(std::move(session_dir)) {}

void SyntheticAddresses::load() {
  if (session_dir_.empty()) return;
  auto text = env_.read_file(session_dir_ + "/addresses");
  if (!text) return;
  std::istringstream lines(*text);
  std::string address;
  std::string host;
  while (lines >> address >> host) {
    const auto endpoint = endpoint_from_text(address, 0);
    if (!endpoint || !endpoint->is_v4()) continue;
    addresses_[host] = endpoint->v4();
    hosts_[endpoint->v4()] = host;
  }
}

// The first free address from where the name hashes to.
uint32_t SyntheticAddresses::allocate(const std::string& host) const {
  uint32_t hash = 2166136261u;  // FNV-1a: only spreads, collisions are resolved below
  for (const unsigned char c : host) hash = (hash ^ c) * 16777619u;
  for (uint32_t i = 0;; ++i) {
    const uint32_t offset = (hash + i) % kSyntheticCount;
    const uint32_t last = offset & 255;
    if (last == 0 || last == 255) continue;
    if (hosts_.count(kSyntheticBase + offset) == 0) return kSyntheticBase + offset;
  }
}

uint32_t SyntheticAddresses::address_of(const std::string& host) {
  const std::lock_guard lock(mutex_);
  auto found = addresses_.find(host);
  if (found != addresses_.end()) return found->second;
  std::unique_ptr<FileLock> file_lock;
  const std::string path = session_dir_ + "/addresses";
  const bool shared = !session_dir_.empty() && env_.make_dirs(session_dir_, 0700).ok();
  if (shared) {
    if (auto taken = env_.lock(path + ".lock")) file_lock = std::move(*taken);
    load();
    found = addresses_.find(host);
    if (found != addresses_.end()) return found->second;
  }
  const uint32_t address = allocate(host);
  addresses_[host] = address;
  hosts_[address] = host;
  if (shared) {
    const Status status = env_.append(path, v4_text(address) + " " + host + "\n");
    if (!status.ok()) log::warn("synthetic address not shared: {}", status.error().message);
  }
  return address;
}

std::optional<std::string> SyntheticAddresses::host_of(uint32_t address) {
  const std::lock_guard lock(mutex_);
  auto found = hosts_.find(address);
  if (found == hosts_.end()) {
    load();  // another process of the session may have given it
    found = hosts_.find(address);
  }
  if (found == hosts_.end()) return std::nullopt;
  return found->second;
}

}  // namespace recshim::control
