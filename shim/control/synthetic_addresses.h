// Synthetic addresses and the hosts they stand for, the same in every process of a session: for
// each address that was given, a value of the session's memory holds its host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "shim/base/fork_mutex.h"
#include "shim/base/session_memory.h"

namespace recshim::control {

// Threads: any.
class SyntheticAddresses {
 public:
  // memory: borrowed. Where it can't be used, the addresses are this process's alone.
  explicit SyntheticAddresses(SessionMemory& memory) : memory_(memory) {}

  // The address of host, in host order.
  uint32_t address_of(const std::string& host);
  // nullopt for an address that no process of the session has given.
  std::optional<std::string> host_of(uint32_t address);

 private:
  // REQUIRES: the mutex is held.
  uint32_t take(const std::string& host);

  SessionMemory& memory_;
  ForkMutex mutex_{LockRank::kAddresses};
  // What this process has asked for.
  std::unordered_map<std::string, uint32_t> addresses_;
  std::unordered_map<uint32_t, std::string> hosts_;
};

}  // namespace recshim::control
