// From the words of a command to the programs that will be executed: `#!` lines, env(1) and
// its like, shell wrappers, pyenv's shims. Reads files; runs nothing.
#pragma once

#include <string>
#include <vector>

#include "shim/base/result.h"
#include "tools/recshim/doctor/script_words.h"

namespace recshim::tools {

// What a program that starts another takes from it, of what recshim needs.
struct Loss {
  bool library = false;    // LD_PRELOAD does not name librecshim.so
  bool variables = false;  // nor are there variables of recshim's
  bool user = false;       // it is another user's

  bool operator==(const Loss&) const = default;
};

struct ChainStep {
  std::string path;
  std::string why;  // "CMD", "its interpreter", "started by npm"
  bool is_script = false;
  // Only guessed from a script's text: may not be started at all.
  bool is_guess = false;
  Loss loss = {};
};

struct CommandChain {
  // In the order they come into play; the first is what the command names, each path once.
  std::vector<ChainStep> steps;
  // A script or a tool that starts programs nobody can tell without running it.
  bool may_start_more = false;
};

// words:       the command and its arguments; not empty.
// environment: PATH, JAVA_HOME, PYENV_VERSION … of the command.
// Errors: kNotFound when the command or the interpreter it needs is not there; kIo when one can't
// be executed.
Result<CommandChain> follow_command(const std::vector<std::string>& words,
                                    const Variables& environment);

}  // namespace recshim::tools
