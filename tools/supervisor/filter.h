// The seccomp filter of a supervised program: which system calls the supervisor is asked
// about. Everything else costs what the kernel takes for a filter that always allows.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <vector>

#include "shim/base/result.h"
#include "tools/supervisor/machine.h"

namespace recshim::supervisor {

struct FilterOptions {
  // Also sendmsg(2) and sendmmsg(2), which may carry an address the filter can't see.
  bool whole_tree = false;
  // io_uring_setup(2) fails with ENOSYS: what is done in a ring is seen by no filter.
  bool forbid_io_uring = false;
};

// Asks the supervisor about connect(2), unless the library has marked it as seen
// (control/supervision.h), about sendto(2) with an address, and about messages
// sent while a connection is opened (MSG_FASTOPEN); the same for 32-bit programs.
// Source: seccomp(2), bpf filters over struct seccomp_data.
std::vector<sock_filter> build_filter(const FilterOptions& options,
                                      const Machine& machine = kMachine);

// Installs the filter for this thread and what it executes; sets no_new_privs where the
// thread has not the right to do without. Returns the listener, close-on-exec.
// Errors: kUnsupported when this thread already has a supervisor (EBUSY) and when the kernel
// or a container forbids filters; the message says which.
struct Installed {
  int listener = -1;
  bool has_supervisor = false;  // EBUSY: another's filter is in force, and ours is not
};
Result<Installed> install_filter(const std::vector<sock_filter>& filter);

}  // namespace recshim::supervisor
