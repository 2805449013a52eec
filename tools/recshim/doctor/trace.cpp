// A ptrace(2) loop: follows forks, looks at each exec and at each end, passes signals on.
#include "tools/recshim/doctor/trace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

constexpr int kOptions = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                         PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXIT;

// The command's process id, for the handler.
volatile sig_atomic_t traced_command = 0;

void forward(int number) {
  if (traced_command > 0) kill(static_cast<pid_t>(traced_command), number);
}

// What the terminal sends reaches the command by itself; what is sent to us alone goes on.
class SignalsForwarded {
 public:
  explicit SignalsForwarded(pid_t command) {
    traced_command = command;
    for (size_t i = 0; i < kNumbers.size(); ++i) {
      struct sigaction action {};
      const bool from_terminal = kNumbers[i] == SIGINT || kNumbers[i] == SIGQUIT;
      action.sa_handler = from_terminal ? SIG_IGN : forward;
      action.sa_flags = SA_RESTART;
      sigaction(kNumbers[i], &action, &before_[i]);
    }
  }
  ~SignalsForwarded() {
    for (size_t i = 0; i < kNumbers.size(); ++i) sigaction(kNumbers[i], &before_[i], nullptr);
    traced_command = 0;
  }
  SignalsForwarded(const SignalsForwarded&) = delete;
  SignalsForwarded& operator=(const SignalsForwarded&) = delete;

 private:
  static constexpr std::array kNumbers = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
  std::array<struct sigaction, kNumbers.size()> before_{};
};

std::vector<std::string> read_strings(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::string> strings;
  for (std::string text; std::getline(file, text, '\0');) strings.push_back(text);
  return strings;
}

// Starts the command stopped at its first instruction that is ours, waiting for go.
struct Started {
  pid_t pid = -1;
  int go = -1;       // a byte lets it execute
  int problem = -1;  // its errno comes here when it can't; closed by success
};

Started start(const std::vector<std::string>& words,
              const std::vector<std::pair<std::string, std::string>>& variables) {
  Started started;
  std::array<int, 2> go{};
  std::array<int, 2> problem{};
  if (pipe2(go.data(), O_CLOEXEC) != 0 || pipe2(problem.data(), O_CLOEXEC) != 0) return started;
  started.pid = fork();
  if (started.pid == 0) {
    char byte = 0;
    if (read(go[0], &byte, 1) != 1) _exit(127);
    dup2(2, 1);
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    execvp(arguments[0], arguments.data());
    const int error = errno;
    (void)!write(problem[1], &error, sizeof error);
    _exit(127);
  }
  close(go[0]);
  close(problem[1]);
  started.go = go[1];
  started.problem = problem[0];
  return started;
}

// The effective user of a process; -1 when it has gone. Source: proc(5), the line "Uid:".
uid_t user_of(const std::string& folder) {
  std::ifstream status(folder + "status");
  for (std::string line; std::getline(status, line);) {
    std::istringstream words(line);
    std::string name;
    uid_t real = 0;
    uid_t effective = 0;
    if (words >> name >> real >> effective && name == "Uid:") return effective;
  }
  return static_cast<uid_t>(-1);
}

class Tracer {
 public:
  Tracer(pid_t command, std::string library_name,
         const std::vector<std::pair<std::string, std::string>>& variables)
      : command_(command), library_name_(std::move(library_name)) {
    for (const auto& [name, value] : variables) {
      if (name != "LD_PRELOAD") variables_.push_back(name + "=");
    }
    alive_.insert(command);
  }

  Trace run() {
    while (!alive_.empty()) {
      int status = 0;
      const pid_t pid = waitpid(-1, &status, __WALL);
      if (pid < 0 && errno == EINTR) continue;
      if (pid < 0) break;
      alive_.insert(pid);
      if (WIFSTOPPED(status)) {
        on_stop(pid, status);
        continue;
      }
      alive_.erase(pid);
      if (pid != command_) continue;
      trace_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      // What it leaves running (a Gradle daemon) is stopped once, to be let go.
      ended_ = true;
      for (const pid_t other : alive_) ptrace(PTRACE_INTERRUPT, other, 0, 0);
    }
    return std::move(trace_);
  }

 private:
  void on_stop(pid_t pid, int status) {
    const int event = status >> 16;
    const int number = WSTOPSIG(status);
    long deliver = 0;
    if (event == PTRACE_EVENT_EXEC) {
      note_exec(pid);
    } else if (event == PTRACE_EVENT_EXIT) {
      note_maps(pid);
    } else if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK ||
               event == PTRACE_EVENT_CLONE) {
      // It is traced already and may not have stopped yet: it has to be let go as well.
      unsigned long born = 0;
      if (ptrace(PTRACE_GETEVENTMSG, pid, 0, &born) == 0) alive_.insert(static_cast<pid_t>(born));
    } else if (event == PTRACE_EVENT_STOP && number != SIGTRAP && !ended_) {
      // The terminal stopped the whole group: it stays so until it is continued.
      ptrace(PTRACE_LISTEN, pid, 0, 0);
      return;
    } else if (event == 0) {
      deliver = number;
    }
    if (ended_ && event != PTRACE_EVENT_EXIT) {
      note_maps(pid);
      ptrace(PTRACE_DETACH, pid, 0, deliver);
      alive_.erase(pid);
      return;
    }
    ptrace(PTRACE_CONT, pid, 0, deliver);
  }

  void note_exec(pid_t pid) {
    const std::string folder = fmt::format("/proc/{}/", pid);
    std::error_code problem;
    const std::string path = fs::read_symlink(folder + "exe", problem).string();
    if (path.empty()) return;
    auto found = std::find_if(trace_.programs.begin(), trace_.programs.end(),
                              [&](const Executed& e) { return e.path == path; });
    if (found == trace_.programs.end()) {
      Executed executed;
      executed.path = path;
      executed.words = read_strings(folder + "cmdline");
      trace_.programs.push_back(std::move(executed));
      found = trace_.programs.end() - 1;
    }
    ++found->times;
    bool preloaded = false;
    const std::vector<std::string> environment = read_strings(folder + "environ");
    for (const std::string& entry : environment) {
      preloaded = preloaded || (entry.starts_with("LD_PRELOAD=") &&
                                entry.find(library_name_) != std::string::npos);
    }
    if (!preloaded) ++found->times_without_preload;
    const bool has_variables =
        std::all_of(variables_.begin(), variables_.end(), [&](const std::string& variable) {
          return std::any_of(environment.begin(), environment.end(),
                             [&](const std::string& entry) { return entry.starts_with(variable); });
        });
    if (!has_variables) ++found->times_without_variables;
    if (user_of(folder) != geteuid()) ++found->times_as_other_user;
  }

  // Threads end one by one: each sees what is mapped, and a set takes it once.
  void note_maps(pid_t pid) {
    const std::string folder = fmt::format("/proc/{}/", pid);
    std::error_code problem;
    const std::string path = fs::read_symlink(folder + "exe", problem).string();
    const auto found = std::find_if(trace_.programs.begin(), trace_.programs.end(),
                                    [&](const Executed& e) { return e.path == path; });
    if (found == trace_.programs.end()) return;
    std::ifstream maps(folder + "maps");
    for (std::string line; std::getline(maps, line);) {
      const size_t at = line.find('/');
      if (at == std::string::npos) continue;
      std::string file = line.substr(at);
      if (file != path && file.find(".so") != std::string::npos)
        found->mapped.insert(std::move(file));
    }
  }

  const pid_t command_;
  const std::string library_name_;
  std::vector<std::string> variables_;  // "NAME="
  std::set<pid_t> alive_;
  bool ended_ = false;
  Trace trace_;
};

}  // namespace

Result<Trace> trace_command(const std::vector<std::string>& words,
                            const std::vector<std::pair<std::string, std::string>>& variables,
                            const std::string& library_name) {
  const Started started = start(words, variables);
  if (started.pid < 0) return Error{ErrorCode::kIo, fmt::format("fork: {}", std::strerror(errno))};
  const auto close_all = [&] {
    close(started.go);
    close(started.problem);
  };
  if (ptrace(PTRACE_SEIZE, started.pid, 0, kOptions) != 0) {
    const int error = errno;
    close_all();  // the child reads the end of the pipe and goes
    waitpid(started.pid, nullptr, 0);
    return Error{ErrorCode::kUnsupported,
                 fmt::format("--run follows children by ptrace(2), which is not allowed here ({}): "
                             "in a container, start it with --cap-add SYS_PTRACE",
                             std::strerror(error))};
  }
  const SignalsForwarded signals(started.pid);
  (void)!write(started.go, "", 1);
  Trace trace = Tracer(started.pid, library_name, variables).run();
  int error = 0;
  const bool failed = read(started.problem, &error, sizeof error) == sizeof error;
  close_all();
  if (failed) {
    return Error{error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                 fmt::format("{}: {}", words[0], std::strerror(error))};
  }
  return trace;
}

}  // namespace recshim::tools
