// What a gateway's connections share, and who handed one over: where reports on it go and
// which test its requests belong to. Knows no bytes.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "shim/control/config.h"
#include "shim/control/exchanges.h"
#include "shim/control/handover.h"
#include "shim/flow/connection.h"
#include "shim/store/store.h"
#include "tools/gateway/authority.h"
#include "tools/gateway/upstream.h"

namespace recshim::gateway {

// Who has been seen to trust our certificates. Threads: any.
class TrustingPrograms {
 public:
  void add(pid_t pid, const std::string& host) {
    const std::lock_guard lock(mutex_);
    known_.emplace(pid, host);
  }
  [[nodiscard]] bool has(pid_t pid, const std::string& host) const {
    const std::lock_guard lock(mutex_);
    return known_.contains({pid, host});
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::pair<pid_t, std::string>> known_;
};

// Made once, then const. Outlives every connection.
struct Shared {
  // Loads what the environment says; session_dir, unless empty, instead of its own.
  // Errors: what is wrong with the configuration, or the authority can't be made.
  static Result<std::unique_ptr<Shared>> load(const control::GetEnv& get_env,
                                              const std::string& cwd,
                                              const std::string& session_dir);

  control::Config config;
  std::shared_ptr<SessionMemory> memory;  // the session's
  std::unique_ptr<control::HostMatcher> hosts;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<Authority> authority;
  std::unique_ptr<TrustingPrograms> trusting = std::make_unique<TrustingPrograms>();
  flow::Settings flow;
  UpstreamSettings upstreams;
};

// Threads: its connection's alone.
class Party {
 public:
  // stderr_fd: -1 for none; owned.
  Party(const Shared& shared, control::Handover handover, int stderr_fd);
  ~Party();
  Party(const Party&) = delete;
  Party& operator=(const Party&) = delete;

  [[nodiscard]] const control::Handover& handover() const { return handover_; }
  [[nodiscard]] const control::Exchanges& exchanges() const { return exchanges_; }
  // For the connections of shim/flow.
  [[nodiscard]] flow::RecordConnection::Stamp stamp() const;
  // One line on the program's stderr, and in the log.
  void tell(const std::string& text) const;
  // The connection fails, and why.
  void refused(const http::Origin& origin, const std::string& reason) const;
  // Method and URL as they may be told, without secrets.
  [[nodiscard]] std::string name_of(const http::Exchange& exchange) const {
    return exchanges_.name_of(exchange);
  }

 private:
  const control::Handover handover_;
  const int stderr_fd_;
  SessionMemory& memory_;  // of what is shared
  const control::Exchanges exchanges_;
};

uint64_t monotonic_us();

}  // namespace recshim::gateway
