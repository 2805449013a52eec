// Runs one program as a shell would: signals go on to it, its status comes back. Knows
// nothing of recordings.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace recshim::tools {

struct Launched {
  int exit_code = 0;  // the program's; 128 + n after signal n; 126, 127 when not started
  bool started = true;
  std::string problem;  // why it was not
};

// Runs command (program and arguments; the program is searched in PATH) with variables set
// over this process's environment, and waits for it. While it runs, SIGINT, SIGTERM,
// SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 and SIGWINCH sent to this process go on to it; what the
// terminal sends reaches it anyway.
// forked: called once the program's process is there, with those signals blocked; it may
// start threads. prepare: called in that process, under variables; where it says no, the program
// is not executed and the exit code is 126.
// Threads: none may exist. REQUIRES: !command.empty().
Launched launch(const std::vector<std::string>& command,
                const std::vector<std::pair<std::string, std::string>>& variables,
                const std::function<void()>& forked = {},
                const std::function<bool()>& prepare = {});

}  // namespace recshim::tools
