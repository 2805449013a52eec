// From the words of a command to the programs that will be executed: `#!` lines, env(1) and
// its like, shell wrappers, pyenv's shims. Reads files; runs nothing.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"
#include "tools/recshim/doctor/script_words.h"

namespace recshim::tools {

struct ChainStep {
  std::string path;
  std::string why;  // "CMD", "its interpreter", "started by npm"
  bool is_script = false;
  // Only guessed from a script's text: may not be started at all.
  bool is_guess = false;
};

struct CommandChain {
  // In the order they come into play; the first is what the command names, each path once.
  std::vector<ChainStep> steps;
  // A script or a tool that starts programs nobody can tell without running it.
  bool may_start_more = false;
};

// words:       the command and its arguments; not empty.
// environment: PATH, JAVA_HOME, PYENV_VERSION … of the command.
// Errors: kNotFound when the command or the interpreter it needs is not there.
Result<CommandChain> follow_command(const std::vector<std::string>& words,
                                    const Variables& environment);

}  // namespace recshim::tools
