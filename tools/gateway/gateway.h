// The gateway's process: takes connections from `<session_dir>/gateway`, serves each on a
// thread of its own, and ends when nobody needs it.
#pragma once

#include <string>

#include "shim/control/config.h"

namespace recshim::gateway {

struct GatewayOptions {
  // A listening socket that somebody else has made and will remove; -1: made here.
  int listen_fd = -1;
  // Where it says, by closing it, that whoever waits for its end need not wait any longer: only
  // watched connections are left, which it goes on to serve. -1: it ends them.
  int done_fd = -1;
  std::string session_dir;  // empty: the configuration's
  // How long it waits for its first connection, and for another after the last one.
  int first_wait_ms = 5000;
  int idle_ms = 300;
};

// Serves until it isn't needed: nobody is connected and no presence is left, or, with a
// listen_fd, whoever started it is gone or sends SIGTERM. A second gateway for the same
// socket ends at once.
// Returns: the exit code. Threads: call it on the main one, of a process that runs nothing
// else.
int run_gateway(const GatewayOptions& options, const control::GetEnv& get_env,
                const std::string& cwd);

}  // namespace recshim::gateway
