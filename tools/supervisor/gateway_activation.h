// Starts the session's gateway when the first connection for it arrives, again after it has
// crashed, and ends it with the run.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/result.h"

namespace recshim::supervisor {

class GatewayActivation {
 public:
  // Listens on `<session_dir>/gateway`. command: program and arguments; `--listen-fd N` and
  // `--done-fd N` are appended. environment: of the gateway, "name=value". killed: called, on any
  // thread, when it was killed by a signal, and by which. REQUIRES: the session's folder is there.
  using Killed = std::function<void(int signal)>;
  static Result<std::unique_ptr<GatewayActivation>> make(
      const std::string& session_dir, std::vector<std::string> command,
      std::vector<std::string> environment, Killed killed = [](int) {});
  // Ends the gateway, if it runs, and waits for it.
  ~GatewayActivation();
  GatewayActivation(const GatewayActivation&) = delete;
  GatewayActivation& operator=(const GatewayActivation&) = delete;

  // Starts the thread that waits. Call once.
  void start();

 private:
  GatewayActivation(std::string path, int listen_fd, std::vector<std::string> command,
                    std::vector<std::string> environment, Killed killed);
  void wait_for_connections();
  // done_fd: the end of a pipe that hangs up when it need not be waited for.
  [[nodiscard]] pid_t spawn(int& done_fd) const;

  const std::string path_;
  const int listen_fd_;
  const int stop_fd_;
  const std::vector<std::string> command_;
  const std::vector<std::string> environment_;
  const Killed killed_;
  std::thread thread_;
};

}  // namespace recshim::supervisor
