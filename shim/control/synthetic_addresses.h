// Synthetic addresses and the hosts they stand for, the same in every process of a session.
// The session's list is `<session_dir>/addresses`: lines of "<address> <host>", appended
// under a lock, never changed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "shim/base/env.h"
#include "shim/base/fork_mutex.h"

namespace recshim::control {

// Threads: any.
class SyntheticAddresses {
 public:
  // env: borrowed. session_dir: made when the first address is given; empty: this process
  // alone.
  SyntheticAddresses(Env& env, std::string session_dir);

  // The address of host, in host order.
  uint32_t address_of(const std::string& host);
  // nullopt for an address that no process of the session has given.
  std::optional<std::string> host_of(uint32_t address);

 private:
  // These REQUIRE the mutex to be held.
  void load();
  [[nodiscard]] uint32_t allocate(const std::string& host) const;

  Env& env_;
  const std::string session_dir_;
  ForkMutex mutex_{LockRank::kAddresses};
  std::unordered_map<std::string, uint32_t> addresses_;
  std::unordered_map<uint32_t, std::string> hosts_;
};

}  // namespace recshim::control
