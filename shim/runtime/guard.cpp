// See guard.h.
#include "shim/runtime/guard.h"

#include <pthread.h>

#include <cerrno>
#include <initializer_list>

namespace recshim::runtime {

thread_local int own_work_depth __attribute__((tls_model("initial-exec"))) = 0;

OwnWork::OwnWork() : saved_errno_(errno) {
  // A handler that ran in here could jump out with a lock held, or call a hook on the
  // very connection we are working on; none may run. Faults stay deliverable.
  sigset_t blocked;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_BLOCK, &blocked, &signals_);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  ++own_work_depth;
}

OwnWork::~OwnWork() {
  --own_work_depth;
  pthread_setcancelstate(cancel_state_, nullptr);
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
  errno = saved_errno_;
}

}  // namespace recshim::runtime
