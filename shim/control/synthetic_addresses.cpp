// See synthetic_addresses.h.
#include "shim/control/synthetic_addresses.h"

#include <mutex>

#include "shim/base/log.h"
#include "shim/control/endpoint.h"

namespace recshim::control {
namespace {

SessionMemory::Name name_of(uint32_t address) {
  return {"address", std::to_string(address)};
}

}  // namespace

// The first from where the name hashes to that no other host has.
uint32_t SyntheticAddresses::take(const std::string& host) {
  uint32_t hash = 2166136261u;  // FNV-1a: only spreads
  for (const unsigned char c : host) hash = (hash ^ c) * 16777619u;
  for (uint32_t i = 0;; ++i) {
    const uint32_t offset = (hash + i) % kSyntheticCount;
    const uint32_t last = offset & 255;
    if (last == 0 || last == 255) continue;
    const uint32_t address = kSyntheticBase + offset;
    const auto known = hosts_.find(address);
    if (known != hosts_.end() && known->second != host) continue;
    const auto taken = memory_.append_first(name_of(address), host);
    if (!taken) log::warn("synthetic address not shared: {}", taken.error().message);
    if (!taken || *taken == host) return address;
    hosts_[address] = *taken;
  }
}

uint32_t SyntheticAddresses::address_of(const std::string& host) {
  const std::lock_guard lock(mutex_);
  const auto found = addresses_.find(host);
  if (found != addresses_.end()) return found->second;
  const uint32_t address = take(host);
  addresses_[host] = address;
  hosts_[address] = host;
  return address;
}

std::optional<std::string> SyntheticAddresses::host_of(uint32_t address) {
  const std::lock_guard lock(mutex_);
  const auto found = hosts_.find(address);
  if (found != hosts_.end()) return found->second;
  auto given = memory_.newest(name_of(address));  // by another process of the session
  if (!given || !*given) return std::nullopt;
  hosts_[address] = **given;
  return **given;
}

}  // namespace recshim::control
