// The process's one recshim: configuration, store, and what they decide. Made by the
// constructor, never destroyed. Owns no connections (sockets.h) and no TLS sessions.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "shim/control/config.h"
#include "shim/control/exchanges.h"
#include "shim/control/proxies.h"
#include "shim/control/synthetic_addresses.h"
#include "shim/flow/connection.h"
#include "shim/runtime/guard.h"
#include "shim/store/store.h"

namespace recshim::runtime {

struct Runtime {
  control::Config config;
  std::shared_ptr<SessionMemory> memory;  // the session's
  std::unique_ptr<control::HostMatcher> hosts;
  std::unique_ptr<control::SyntheticAddresses> addresses;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<control::Exchanges> exchanges;  // over store
  flow::Settings flow_settings;
  std::vector<control::Proxy> proxies;  // of HTTP_PROXY and its kin
  std::string program;                  // file name of /proc/self/exe
  std::string library_path;             // where we were loaded from

  // Answers come from recordings, at least at first.
  [[nodiscard]] bool replaying() const {
    return config.mode == control::Mode::kReplay || config.mode == control::Mode::kRecordIfMissing;
  }
  [[nodiscard]] bool recording() const { return config.mode == control::Mode::kRecord; }
  [[nodiscard]] bool is_proxy(const std::string& host, uint16_t port) const;
  // Hosts are configured under the default rule (no RECSHIM_HOSTS).
  [[nodiscard]] bool default_hosts() const { return config.hosts.empty(); }
};

// Null until the constructor has run and after a failed start: hooks then pass.
Runtime* runtime();
// This process, as of the last fork(2). A child of vfork(2) sees its parent's.
pid_t own_pid();
// True in a child of vfork(2), which must not change the parent's tables. One system call.
bool in_vfork_child();
uint64_t monotonic_us();

// Makes the session's folder if it is not there. REQUIRES: OwnWork.
Status prepare_session_dir();
// A connection of a process with a broken configuration fails: accounted for, and the first time
// the user is told what is wrong. REQUIRES: OwnWork, config.errors is not empty.
void refuse_for_config_errors(const std::string& where);

}  // namespace recshim::runtime
