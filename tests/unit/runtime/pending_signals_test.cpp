// Signals that own work holds up: which of them are a reason to give it up.
#include "shim/runtime/pending_signals.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "shim/runtime/guard.h"

namespace recshim::runtime {
namespace {

volatile sig_atomic_t handled = 0;

// How a child ends that raises signal in own work and asks about it.
int status_of_child(int signal, void (*handler)(int), bool blocked = false) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(signal, handler);
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, signal);
    if (blocked) pthread_sigmask(SIG_BLOCK, &one, nullptr);
    bool waits = false;
    bool early = false;
    {
      const OwnWork work;
      const OwnWork nested;
      kill(getpid(), signal);
      waits = signal_waits();
      early = handled != 0;
    }
    _exit(early ? 2 : waits ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

void note(int) {
  handled = 1;
}

TEST(PendingSignals, OneThatEndsTheProgramDoes) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) {
    const int status = status_of_child(signal, SIG_DFL);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == signal) << signal;
  }
}

TEST(PendingSignals, OneWithAHandlerWaitsUntilTheWorkIsGivenUp) {
  for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGALRM}) {
    const int status = status_of_child(signal, note);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1) << signal;
  }
}

TEST(PendingSignals, OthersAndWhatTheProgramItselfHoldsUpAreNoReason) {
  const int profiling = status_of_child(SIGPROF, note);
  EXPECT_TRUE(WIFEXITED(profiling) && WEXITSTATUS(profiling) == 0);
  const int ignored = status_of_child(SIGINT, SIG_IGN);
  EXPECT_TRUE(WIFEXITED(ignored) && WEXITSTATUS(ignored) == 0);
  const int blocked = status_of_child(SIGTERM, SIG_DFL, true);
  EXPECT_TRUE(WIFEXITED(blocked) && WEXITSTATUS(blocked) == 0);
  EXPECT_FALSE(signal_waits()) << "no own work";
}

}  // namespace
}  // namespace recshim::runtime
