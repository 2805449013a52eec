// fork, exec, and the signals in between.
#include "tools/recshim/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "tools/recshim/command.h"

namespace recshim::tools {
namespace {

constexpr std::array kForwarded = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};

// Blocks the signals that are waited for, and gives the child and the caller back what was.
class Signals {
 public:
  Signals() {
    sigemptyset(&waited_);
    for (const int number : kForwarded) {
      // What we were told to ignore (nohup) stays ignored for the program too.
      struct sigaction action {};
      sigaction(number, nullptr, &action);
      if (action.sa_handler != SIG_IGN) sigaddset(&waited_, number);
    }
    sigaddset(&waited_, SIGCHLD);
    // With SIGCHLD ignored the program's status would be lost.
    struct sigaction normal {};
    normal.sa_handler = SIG_DFL;
    sigaction(SIGCHLD, &normal, &child_action_);
    sigprocmask(SIG_BLOCK, &waited_, &mask_);
  }
  ~Signals() { restore(); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  void restore() const {
    sigaction(SIGCHLD, &child_action_, nullptr);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }
  [[nodiscard]] const sigset_t& waited() const { return waited_; }

 private:
  sigset_t waited_{};
  sigset_t mask_{};
  struct sigaction child_action_ {};
};

// Keys of the terminal signal its whole foreground group, and the leader's end does so with
// SIGHUP; a terminal that closes signals the leader of the session alone. Source: the kernel's
// tty_signal_session_leader() and disassociate_ctty().
bool has_program_got(const siginfo_t& info) {
  return info.si_code == SI_KERNEL && (info.si_signo != SIGHUP || getsid(0) != getpid());
}

int wait_for(pid_t child, const Signals& signals) {
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child && WIFEXITED(status)) return WEXITSTATUS(status);
    if (ended == child && WIFSIGNALED(status)) return 128 + WTERMSIG(status);
    if (ended < 0 && errno != EINTR) return kProblem;
    siginfo_t info{};
    const int number = sigwaitinfo(&signals.waited(), &info);
    if (number <= 0 || number == SIGCHLD || has_program_got(info)) continue;
    kill(child, number);
    // As the kernel does, for one that is stopped.
    if (number == SIGHUP && info.si_code == SI_KERNEL) kill(child, SIGCONT);
  }
}

}  // namespace

Launched launch(const std::vector<std::string>& command,
                const std::vector<std::pair<std::string, std::string>>& variables,
                const std::function<void()>& forked, const std::function<bool()>& prepare) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  Launched result;
  // The child's errno comes through this pipe when exec fails; exec closes it.
  std::array<int, 2> failure{};
  if (pipe2(failure.data(), O_CLOEXEC) != 0) {
    return {kCannotExecute, false, fmt::format("pipe: {}", std::strerror(errno))};
  }
  const Signals signals;
  const pid_t child = fork();
  if (child == 0) {
    signals.restore();
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    if (prepare && !prepare()) _exit(kCannotExecute);
    execvp(arguments[0], arguments.data());
    const int problem = errno;
    const ssize_t told = write(failure[1], &problem, sizeof problem);
    _exit(told == sizeof problem ? kCannotExecute : kProblem);
  }
  const int fork_problem = errno;
  close(failure[1]);
  int problem = 0;
  if (child < 0) {
    problem = fork_problem;
  } else {
    if (forked) forked();
    ssize_t got = 0;
    do {
      got = read(failure[0], &problem, sizeof problem);
    } while (got < 0 && errno == EINTR);
    result.exit_code = wait_for(child, signals);
    if (got != sizeof problem) problem = 0;
  }
  close(failure[0]);
  if (problem != 0) {
    result.started = false;
    result.exit_code = problem == ENOENT ? kNotFound : kCannotExecute;
    result.problem = fmt::format("{}: {}", command[0], std::strerror(problem));
  }
  return result;
}

}  // namespace recshim::tools
