// The commands of `recshim`: one line in the table of main.cpp, one file each.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/recshim/arguments.h"

namespace recshim::tools {

// Exit codes; `run` has the program's own beside them.
enum ExitCode {
  kOk = 0,
  kProblem = 1,          // something was found to be wrong or different
  kUsage = 2,            // arguments or configuration that can't be used
  kMissed = 86,          // run --strict: a request had no recording
  kCannotExecute = 126,  // run: as a shell has it
  kNotFound = 127        // run: as a shell has it
};

// What a command does once its arguments are known; returns the exit code.
// words: the command to run with its arguments, where Command::words says so; else empty.
using Action = std::function<int(const std::vector<std::string>& words)>;

struct Command {
  const char* name;
  const char* summary;
  const char* examples;
  // Adds what the command takes to arguments.
  Action (*declare)(Arguments& arguments);
  // How the usage line shows the command that this one runs; empty when it runs none.
  const char* words = "";
};

Action declare_diff(Arguments& arguments);
Action declare_doctor(Arguments& arguments);
Action declare_gateway(Arguments& arguments);
Action declare_index(Arguments& arguments);
Action declare_library(Arguments& arguments);
Action declare_list(Arguments& arguments);
Action declare_prune(Arguments& arguments);
Action declare_rekey(Arguments& arguments);
Action declare_run(Arguments& arguments);
Action declare_show(Arguments& arguments);
Action declare_supervised(Arguments& arguments);
Action declare_verify(Arguments& arguments);

}  // namespace recshim::tools
