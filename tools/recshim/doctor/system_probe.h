// What recshim needs of this system, each tried for real, and what to do where it is missing.
// Everything tried is undone; what could hang or fail badly is tried in a child.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"
#include "tools/recshim/doctor/verdict.h"

namespace recshim::tools {

struct Check {
  enum class State {
    kOk,
    kNote,     // good to know; nothing fails because of it
    kMissing,  // what `doors` says does not work
  };
  const char* name;
  State state = State::kOk;
  std::string detail;
  std::string advice;    // what to do; empty when ok
  std::set<Door> doors;  // which need it
};
const char* state_name(Check::State state);

// library_variable: RECSHIM_LIBRARY. own_folder: that of this executable.
std::vector<Check> probe_system(const control::Config& config, const std::string& library_variable,
                                const std::string& own_folder);

// The parts that have a file of their own.
// Tries seccomp user notification on connect(2), and looks into the caller as the supervisor does.
std::vector<Check> probe_supervision();
// An error that says what is missing and what to do, in their words.
Status supervision_works();

struct ProbeRun {
  int exit_code = -1;  // 128 + n after signal n
  std::string output;  // of stderr and stdout, the first 64 KiB
};
// Runs a program for at most timeout_ms with variables set over the environment.
ProbeRun run_probe(const std::vector<std::string>& words,
                   const std::vector<std::pair<std::string, std::string>>& variables,
                   int timeout_ms);

}  // namespace recshim::tools
