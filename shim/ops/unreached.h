// Programs that a preloaded library can't reach, seen when they are about to be executed:
// those without the glibc loader, and Go's, which call the kernel themselves. Under
// `recshim run` with a supervisor they are executed through `recshim supervised`. Programs
// linked to musl would not even start with the library in LD_PRELOAD: they are executed
// without.
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
  bool supervised = false;       // execute the wrapper with supervised_arguments()
  bool without_library = false;  // with what leave_library_out() makes of the environment
  char path[PATH_MAX] = "";      // the program, for the wrapper
};

// What is to be done about executing `file` with envp. search: as execvp(3) does, in PATH.
// Tells the user, once a session, of a program that leaves the library behind: envp has no
// LD_PRELOAD, or the program is linked to musl and there is no supervisor.
void look_at_execution(const char* file, bool search, char* const* envp, Execution* out);
// The same for the program open as fd.
void look_at_execution(int fd, char* const* envp, Execution* out);

// Bytes that leave_library_out() writes to `text` for envp; 0 where envp is to stay as it is.
size_t rest_of_preload_size(const Execution& execution, char* const* envp);
// Takes the library out of the LD_PRELOAD of envp, which then points to text or has none.
void leave_library_out(char** envp, char* text);

// The wrapper's path. REQUIRES: an Execution with supervised.
const char* supervising_program();
// Entries, with the closing null, of the wrapper's arguments for argv.
size_t supervised_arguments_size(char* const* argv);
void supervised_arguments(const Execution& execution, char* const* argv, char** out);

}  // namespace recshim::ops
