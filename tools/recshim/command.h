// The commands of `recshim`: one line in the table of main.cpp, one file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

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
  // Adds the command's options to app.
  Action (*declare)(CLI::App& app);
  // How the usage line shows the command that this one runs; empty when it runs none.
  const char* words = "";
};

Action declare_diff(CLI::App& app);
Action declare_doctor(CLI::App& app);
Action declare_gateway(CLI::App& app);
Action declare_index(CLI::App& app);
Action declare_list(CLI::App& app);
Action declare_prune(CLI::App& app);
Action declare_rekey(CLI::App& app);
Action declare_run(CLI::App& app);
Action declare_show(CLI::App& app);
Action declare_supervised(CLI::App& app);
Action declare_verify(CLI::App& app);

}  // namespace recshim::tools
