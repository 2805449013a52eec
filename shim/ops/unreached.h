// Programs that a preloaded library can't reach, seen when they are about to be executed:
// those without the glibc loader, and Go's, which call the kernel themselves. Under
// `recshim run` with a supervisor they are executed through `recshim supervised`.
//
// Everything here may run in a child of vfork(2) and after fork(2) in a program with threads:
// it makes system calls and uses its caller's stack, and allocates nothing.
#pragma once

#include <climits>
#include <cstddef>

namespace recshim::ops {

// Finds the wrapper, where RECSHIM_SUPERVISOR says that there is a supervisor. Call once, in
// the constructor.
void prepare_supervision();

struct Execution {
  bool supervised = false;   // execute the wrapper with supervised_arguments()
  char path[PATH_MAX] = "";  // the program, for the wrapper
};

// What is to be done about executing `file` with envp. search: as execvp(3) does, in PATH.
// Tells the user, once a session, of a program that leaves the library behind because envp
// has no LD_PRELOAD.
void look_at_execution(const char* file, bool search, char* const* envp, Execution* out);
// The same for the program open as fd.
void look_at_execution(int fd, char* const* envp, Execution* out);

// The wrapper's path. REQUIRES: an Execution with supervised.
const char* supervising_program();
// Entries, with the closing null, of the wrapper's arguments for argv.
size_t supervised_arguments_size(char* const* argv);
void supervised_arguments(const Execution& execution, char* const* argv, char** out);

}  // namespace recshim::ops
