// See gateway_activation.h.
#include "tools/supervisor/gateway_activation.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/control/handover.h"
#include "shim/control/unix_socket.h"

namespace recshim::supervisor {
namespace {

constexpr int kListenFd = 3;  // as the gateway sees it
constexpr int kDoneFd = 4;    // likewise
constexpr int kMoment_ms = 50;
constexpr int kEnd_ms = 7000;  // it finishes recordings that are under way
// A gateway that ends so soon after its start has failed, and after so many failures in a row
// the connections for it are dropped instead, so that their programs learn of it.
constexpr uint64_t kSoon_us = 1'000'000;
constexpr int kMaxFailures = 3;

// Tells it to end, and kills it when it does not. It may stay for what is not the session's, and
// says so by closing done_fd's other end. Returns the signal that killed it before its time, or 0.
int end_child(pid_t child, int pidfd, int done_fd) {
  kill(child, SIGTERM);
  pollfd waited[2] = {{pidfd, POLLIN, 0}, {done_fd, POLLIN, 0}};
  if (poll(waited, 2, kEnd_ms) <= 0) kill(child, SIGKILL);
  // One that ends closes it too, a moment before.
  if (waited[0].revents == 0) poll(waited, 1, kMoment_ms);
  const bool stays = waited[0].revents == 0 && waited[1].revents != 0;
  int status = 0;
  while (!stays && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const bool was_killed = !stays && WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM;
  return was_killed ? WTERMSIG(status) : 0;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Result<std::unique_ptr<GatewayActivation>> GatewayActivation::make(
    const std::string& session_dir, std::vector<std::string> command,
    std::vector<std::string> environment, Killed killed) {
  std::string path = control::gateway_socket_path(session_dir);
  auto listener = control::listen_unix(path);
  if (!listener) return listener.error();
  return std::unique_ptr<GatewayActivation>(new GatewayActivation(
      std::move(path), *listener, std::move(command), std::move(environment), std::move(killed)));
}

GatewayActivation::GatewayActivation(std::string path, int listen_fd,
                                     std::vector<std::string> command,
                                     std::vector<std::string> environment, Killed killed)
    : path_(std::move(path)),
      listen_fd_(listen_fd),
      stop_fd_(eventfd(0, EFD_CLOEXEC)),
      command_(std::move(command)),
      environment_(std::move(environment)),
      killed_(std::move(killed)) {}

GatewayActivation::~GatewayActivation() {
  if (thread_.joinable()) {
    eventfd_write(stop_fd_, 1);
    thread_.join();
  }
  unlink(path_.c_str());
  close(listen_fd_);
  close(stop_fd_);
}

void GatewayActivation::start() {
  thread_ = std::thread([this] { wait_for_connections(); });
}

pid_t GatewayActivation::spawn(int& done_fd) const {
  std::vector<std::string> words = command_;
  words.insert(words.end(),
               {"--listen-fd", std::to_string(kListenFd), "--done-fd", std::to_string(kDoneFd)});
  int done[2] = {-1, -1};
  if (pipe2(done, O_CLOEXEC) != 0) done[0] = done[1] = -1;
  // Above the numbers that are about to be used.
  const int done_write = fcntl(done[1], F_DUPFD_CLOEXEC, kDoneFd + 1);
  close(done[1]);
  done_fd = done[0];
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, listen_fd_, kListenFd);
  posix_spawn_file_actions_adddup2(&actions, done_write, kDoneFd);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A process group of its own: the terminal's Ctrl-C is for the program, which may still
  // have something to say to its servers.
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigdefault(&attributes, &all);
  pid_t child = -1;
  const int error = posix_spawn(&child, words[0].c_str(), &actions, &attributes,
                                pointers(words).data(), pointers(environment_).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(done_write);
  if (error == 0) return child;
  close(done_fd);
  log::tell_user(
      fmt::format("the gateway could not be started: {}: {}", words[0], std::strerror(error)));
  return -1;
}

void GatewayActivation::wait_for_connections() {
  pid_t child = -1;
  int pidfd = -1;
  int done_fd = -1;
  uint64_t started_us = 0;
  int failures = 0;
  for (;;) {
    // While the gateway runs it takes the connections itself.
    pollfd waited[2] = {{stop_fd_, POLLIN, 0}, {child > 0 ? pidfd : listen_fd_, POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) break;
    if (waited[0].revents != 0) break;
    if (waited[1].revents == 0) continue;
    if (child > 0) {
      int status = 0;
      if (waitpid(child, &status, WNOHANG) != child) continue;
      if (WIFSIGNALED(status)) killed_(WTERMSIG(status));
      close(pidfd);
      close(done_fd);
      child = pidfd = done_fd = -1;
      const bool soon = posix_env().monotonic_time_us() < started_us + kSoon_us;
      failures = soon && status != 0 ? failures + 1 : 0;
      continue;
    }
    if (failures >= kMaxFailures) {
      const int dropped = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (dropped >= 0) close(dropped);
      continue;
    }
    started_us = posix_env().monotonic_time_us();
    child = spawn(done_fd);
    if (child > 0) {
      pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
    } else {
      ++failures;
    }
  }
  if (child > 0) {
    const int signal = end_child(child, pidfd, done_fd);
    if (signal != 0) killed_(signal);
    close(pidfd);
    close(done_fd);
  }
}

}  // namespace recshim::supervisor
