// The command line: which command is meant, its arguments, and help. The one user of CLI11.
#pragma once

#include <span>

#include "tools/recshim/command.h"

namespace recshim::tools {

// Parses argv, runs the command it names and returns its exit code; kUsage, told on stderr, for
// what can't be parsed. start: what help says under the list of commands.
int run_command_line(std::span<const Command> commands, const char* start, int argc, char** argv);

}  // namespace recshim::tools
