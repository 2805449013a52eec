// See guard.h.
#include "shim/runtime/guard.h"

#include <pthread.h>

#include <cerrno>
#include <initializer_list>

#include "shim/runtime/pending_signals.h"

namespace recshim::runtime {

thread_local int own_work_depth __attribute__((tls_model("initial-exec"))) = 0;

namespace {

// What the program lets through: the mask of before this thread's outermost own work.
thread_local sigset_t program_mask __attribute__((tls_model("initial-exec")));

// Signals that people and test runners stop a program with. Others, such as a profiler's, come all
// the time.
constexpr int kInterrupting[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM};

}  // namespace

OwnWork::OwnWork() : saved_errno_(errno) {
  // A handler that ran in here could jump out with a lock held, or call a hook on the
  // very connection we are working on; none may run. Faults stay deliverable.
  sigset_t blocked;
  sigfillset(&blocked);
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&blocked, fault);
  pthread_sigmask(SIG_BLOCK, &blocked, &signals_);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  if (own_work_depth++ == 0) program_mask = signals_;
}

OwnWork::~OwnWork() {
  --own_work_depth;
  pthread_setcancelstate(cancel_state_, nullptr);
  pthread_sigmask(SIG_SETMASK, &signals_, nullptr);
  errno = saved_errno_;
}

bool signal_waits() {
  sigset_t pending;
  if (own_work_depth == 0 || sigpending(&pending) != 0) return false;
  bool waits = false;
  for (const int signal : kInterrupting) {
    struct sigaction action {};
    if (sigismember(&pending, signal) != 1 || sigismember(&program_mask, signal) == 1) continue;
    if (sigaction(signal, nullptr, &action) != 0) continue;
    const bool has_handler = (action.sa_flags & SA_SIGINFO) != 0;
    // One that is ignored waits too while it is blocked, and for nothing.
    if (!has_handler && action.sa_handler == SIG_IGN) continue;
    waits = true;
    if (has_handler || action.sa_handler != SIG_DFL) continue;
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
    pthread_sigmask(SIG_BLOCK, &one, nullptr);
  }
  return waits;
}

}  // namespace recshim::runtime
