// A network of the supervisor's own in which every address is this machine: sockets made in
// it can stand for connections to anywhere, with the right addresses at both ends, also where
// the program's own network has not even a loopback interface.
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>

#include "shim/base/result.h"

namespace recshim::supervisor {

// Threads: any.
class PrivateNet {
 public:
  // Starts the small process that keeps the network. REQUIRES: this process has one thread.
  // Errors: kUnsupported where neither privileges nor user namespaces allow it.
  static Result<std::unique_ptr<PrivateNet>> make();
  // Ends that process; sockets made before live on.
  ~PrivateNet();
  PrivateNet(const PrivateNet&) = delete;
  PrivateNet& operator=(const PrivateNet&) = delete;

  // As socket(2), close-on-exec, in that network. Errors: kIo.
  Result<int> socket(int family, int type);
  // Whether fd was made here.
  [[nodiscard]] bool holds(int fd) const;

 private:
  PrivateNet(pid_t keeper, int control_fd) : keeper_(keeper), control_fd_(control_fd) {}

  const pid_t keeper_;
  const int control_fd_;
  std::mutex mutex_;  // one question at a time
  uint64_t cookie_ = 0;
};

}  // namespace recshim::supervisor
