// A child puts a filter on connect(2) and calls it; this process looks at the address and takes the
// socket, as the supervisor does, and answers.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string_view>

#include "shim/control/unix_socket.h"
#include "tools/recshim/doctor/system_probe.h"
#include "tools/supervisor/task.h"

// Newer than some kernel headers.
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace recshim::tools {
namespace {

constexpr int kTimeoutMs = 3000;
// What the probe answers connect(2) with; no kernel gives it by itself.
constexpr int kProbeErrno = EXFULL;

int install_filter(unsigned long flags) {
  std::array filter = {
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_connect, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return static_cast<int>(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                  SECCOMP_FILTER_FLAG_NEW_LISTENER | flags, &program));
}

// What the child tells before it calls connect(2), beside the listener.
struct Installed {
  int error = 0;
  bool waits_killable = false;
};

[[noreturn]] void run_child(int tell) {
  Installed installed;
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  int listener = install_filter(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
  installed.waits_killable = listener >= 0;
  if (listener < 0 && errno == EINVAL) listener = install_filter(0);
  installed.error = listener < 0 ? errno : 0;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string_view bytes(reinterpret_cast<const char*>(&installed), sizeof installed);
  const Status told = listener < 0 ? control::send_all(tell, bytes)
                                   : control::send_with_descriptors(tell, bytes, {listener});
  if (!told || installed.error != 0) _exit(2);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int got = connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  _exit(got < 0 && errno == kProbeErrno ? 0 : 1);
}

struct Outcome {
  Installed installed;
  std::string problem;         // what failed, empty when all went well
  std::string memory_problem;  // why the address can't be read
  std::string socket_problem;  // why the socket can't be taken (pidfd_getfd(2))
};

// Looks at what the child's connect(2) names, then answers the call.
void serve(pid_t child, int listener, Outcome& outcome) {
  pollfd waiting{listener, POLLIN, 0};
  if (poll(&waiting, 1, kTimeoutMs) != 1) {
    outcome.problem = "no notification arrived";
    return;
  }
  seccomp_notif request{};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
    outcome.problem = fmt::format("receiving a notification: {}", std::strerror(errno));
    return;
  }
  const auto address = supervisor::read_memory(child, request.data.args[1], sizeof(sockaddr_in));
  if (!address) outcome.memory_problem = address.error().message;
  const auto socket = supervisor::take_descriptor(child, static_cast<int>(request.data.args[0]));
  if (socket) {
    close(*socket);
  } else {
    outcome.socket_problem = socket.error().message;
  }
  seccomp_notif_resp response{};
  response.id = request.id;
  response.error = -kProbeErrno;
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) {
    outcome.problem = fmt::format("answering a notification: {}", std::strerror(errno));
  }
}

// end: of the connection that the child closes by its end.
int reap(pid_t child, int end) {
  pollfd gone{end, POLLIN, 0};
  if (poll(&gone, 1, kTimeoutMs) != 1) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Outcome probe() {
  Outcome outcome;
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    outcome.problem = std::strerror(errno);
    return outcome;
  }
  const pid_t child = fork();
  if (child == 0) run_child(ends[1]);
  close(ends[1]);
  std::vector<int> listener;
  const auto told = control::receive_exactly(ends[0], sizeof(Installed), listener);
  if (told) std::memcpy(&outcome.installed, told->data(), sizeof(Installed));
  if (child < 0 || !told) {
    outcome.problem = "the child that tries it died";
  } else if (listener.size() == 1) {
    serve(child, listener[0], outcome);
  }
  // Nobody answers the child's call any more.
  for (const int fd : listener) close(fd);
  if (child > 0) {
    const int status = reap(child, ends[0]);
    if (outcome.installed.error == 0 && outcome.problem.empty() && status != 0) {
      outcome.problem = "the answer did not reach the child";
    }
  }
  close(ends[0]);
  return outcome;
}

Check seccomp_check(const Outcome& outcome) {
  Check check{"seccomp", Check::State::kOk, "connect(2) can be supervised", "", {kSupervisor}};
  const int error = outcome.installed.error;
  if (error == 0 && outcome.problem.empty()) {
    if (!outcome.installed.waits_killable) {
      check.state = Check::State::kNote;
      check.detail += ", but the kernel lacks WAIT_KILLABLE_RECV";
      check.advice =
          "programs that take many signals (Go) may see calls interrupted; Linux 6.0 has it";
    }
    return check;
  }
  check.state = Check::State::kMissing;
  if (error == EBUSY) {
    check.detail = "another supervisor is at work around this process already";
    check.advice = "run recshim outside of it";
  } else if (error == EINVAL || error == ENOSYS) {
    check.detail = fmt::format("the kernel has no user notification ({})", std::strerror(error));
    check.advice = "use Linux 5.9 or later, with CONFIG_SECCOMP_FILTER";
  } else if (error != 0) {
    check.detail = fmt::format("installing a filter: {}", std::strerror(error));
    check.advice =
        "a container's own seccomp profile forbids it: start it with --security-opt "
        "seccomp=unconfined, or with a profile that allows seccomp(2)";
  } else {
    check.detail = outcome.problem;
    check.advice = "static programs and Go can't be served here";
  }
  return check;
}

std::string ptrace_advice() {
  std::string scope;
  std::ifstream("/proc/sys/kernel/yama/ptrace_scope") >> scope;
  if (scope == "2" || scope == "3") {
    return fmt::format("as root, sysctl kernel.yama.ptrace_scope=1 (it is {})", scope);
  }
  return "in a container, start it with --cap-add SYS_PTRACE";
}

Check ptrace_check(const Outcome& outcome) {
  Check check{"ptrace", Check::State::kOk, "programs can be looked into", "", {kSupervisor}};
  if (outcome.installed.error != 0) {
    check.state = Check::State::kNote;
    check.detail = "not tried, since seccomp is missing";
  } else if (!outcome.memory_problem.empty()) {
    check.state = Check::State::kMissing;
    check.detail = outcome.memory_problem;
    check.advice = ptrace_advice();
  } else if (!outcome.socket_problem.empty()) {
    check.state = Check::State::kNote;
    check.detail =
        "programs can be looked into, but their sockets can't be taken (pidfd_getfd(2)): they are "
        "led to the gateway by another address";
    check.advice = "nothing fails because of it where lo is up; else " + ptrace_advice();
  }
  return check;
}

}  // namespace

std::vector<Check> probe_supervision() {
  const Outcome outcome = probe();
  return {seccomp_check(outcome), ptrace_check(outcome)};
}

Status supervision_works() {
  for (const Check& check : probe_supervision()) {
    if (check.state == Check::State::kMissing) {
      return Error{ErrorCode::kUnsupported, fmt::format("{}; {}", check.detail, check.advice)};
    }
  }
  return {};
}

}  // namespace recshim::tools
