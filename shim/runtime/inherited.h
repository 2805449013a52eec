// The session's variables in the environment of programs that this one executes.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace recshim::runtime {

// values: name and value that children are to see. Keeps what the process was started with,
// so that a value the program changed itself is told from one it merely hands on.
// Call once, before the values are put into the environment.
void remember_inherited(const std::vector<std::pair<std::string, std::string>>& values);

// Entries, with the closing null, that inherited_environment may need.
size_t inherited_environment_size(char* const* envp);
// Writes envp with the session's values to out. An environment without LD_PRELOAD is copied
// as it is. Does not allocate; signal-safe; sound in a child of vfork(2). envp may be null.
void inherited_environment(char* const* envp, char** out);

}  // namespace recshim::runtime
