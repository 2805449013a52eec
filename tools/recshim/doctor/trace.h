// Runs a command and notes every program that it and its children execute, by ptrace(2).
// Knows nothing of TLS or doors.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "shim/base/result.h"

namespace recshim::tools {

// One program, however often it was executed.
struct Executed {
  std::string path;                // links followed
  std::vector<std::string> words;  // of the first time
  int times = 0;
  int times_without_preload = 0;    // its environment did not name the library
  int times_without_variables = 0;  // one of those given was not in there
  int times_as_other_user = 0;
  std::set<std::string> mapped;  // shared objects in memory when it ended
};

struct Trace {
  int exit_code = 0;               // the command's; 128 + n after signal n
  std::vector<Executed> programs;  // in the order they were first seen
};

// Runs words with variables over the environment until it ends; its standard output goes to
// this process's stderr. Children that outlive it are let go unharmed.
// library_name: what LD_PRELOAD must hold, "librecshim.so".
// Errors: kNotFound and kIo when it can't be started; kUnsupported where ptrace(2) is
// forbidden, with what to do.
// Threads: none may exist. Waits for every child of this process.
Result<Trace> trace_command(const std::vector<std::string>& words,
                            const std::vector<std::pair<std::string, std::string>>& variables,
                            const std::string& library_name);

}  // namespace recshim::tools
