// Re-entrancy: recshim's own work inside a hook must not be seen by the hooks again, nor
// be interrupted by the program's signal handlers or by cancellation.
#pragma once

#include <csignal>

namespace recshim::runtime {

// Depth of recshim's own work on this thread. initial-exec TLS: reading it never
// allocates, so it is safe in hooks that run anywhere.
extern thread_local int own_work_depth __attribute__((tls_model("initial-exec")));

// RAII for recshim's own work: raises the depth, keeps errno, blocks signals and defers
// pthread cancellation. REQUIRES: no call into the program and no blocking real function
// inside. Nestable.
class OwnWork {
 public:
  OwnWork();
  ~OwnWork();
  OwnWork(const OwnWork&) = delete;
  OwnWork& operator=(const OwnWork&) = delete;

 private:
  int saved_errno_;
  int cancel_state_ = 0;
  sigset_t signals_;
};

inline bool in_own_work() {
  return own_work_depth > 0;
}

}  // namespace recshim::runtime
