// See gateway.h.
#include "tools/gateway/gateway.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <thread>

#include "shim/base/log.h"
#include "shim/control/handover.h"
#include "shim/control/session.h"
#include "shim/control/unix_socket.h"
#include "tools/gateway/connection.h"
#include "tools/gateway/party.h"

namespace recshim::gateway {
namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kMessageTimeoutS = 20;
constexpr int kLockTries = 200;  // 10 ms each
constexpr int kOrphanCheckMs = 1000;
constexpr uint64_t kLastWordsMs = 5500;  // after SIGTERM, for recordings under way (fetcher.cpp)

std::atomic<int> alive{0};       // connections and presences
std::atomic<int> watched{0};     // of these, the connections to hosts that are not configured
std::atomic<uint64_t> ended{0};  // monotonic ms of the last one's end
std::atomic<bool> told_to_end{false};

uint64_t now_ms() {
  return monotonic_us() / 1000;
}

class Gateway {
 public:
  // config_error: what every connection is refused with; shared is null then.
  Gateway(const GatewayOptions& options, const Shared* shared, std::string config_error)
      : options_(options), shared_(shared), config_error_(std::move(config_error)) {}

  int run(const std::string& session_dir) {
    session_dir_ = session_dir;
    listen_fd_ = options_.listen_fd;
    if (listen_fd_ < 0) {
      if (const int code = listen_alone(); listen_fd_ < 0) return code;
    }
    const pid_t parent = getppid();
    const uint64_t started = now_ms();
    ended = started + static_cast<uint64_t>(options_.first_wait_ms - options_.idle_ms);
    for (;;) {
      pollfd waiting{listen_fd_, POLLIN, 0};
      const bool owned = options_.listen_fd < 0;
      const int ready = poll(&waiting, 1, owned ? options_.idle_ms : kOrphanCheckMs);
      if (told_to_end) break;
      if (ready > 0) {
        accept_one();
        continue;
      }
      const uint64_t now = now_ms();
      const bool idle = alive == 0 && now >= ended + static_cast<uint64_t>(options_.idle_ms);
      if (owned ? idle : getppid() != parent && alive == 0) break;
    }
    if (told_to_end) {
      for (const uint64_t until = now_ms() + kLastWordsMs; alive > watched && now_ms() < until;) {
        usleep(5'000);
      }
      stay_for_watched();
    } else if (options_.listen_fd < 0) {
      leave();
    }
    return kExitOk;
  }

 private:
  // The lock is held until the process ends, and with it the socket is ours. Sets listen_fd_;
  // if not, returns why.
  int listen_alone() {
    const std::string lock_path = control::gateway_socket_path(session_dir_) + ".lock";
    const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) {
      std::fprintf(stderr, "recshim: cannot open %s: %s\n", lock_path.c_str(),
                   std::strerror(errno));
      return kExitFailed;
    }
    for (int i = 0; flock(lock, LOCK_EX | LOCK_NB) != 0; ++i) {
      // Another one serves, or is about to; or it has left and is not gone yet.
      const auto other = control::connect_unix(control::gateway_socket_path(session_dir_), 100);
      if (other.ok()) close(*other);
      if (other.ok() || i >= kLockTries) return kExitOk;
      usleep(10'000);
    }
    auto listening = control::listen_unix(control::gateway_socket_path(session_dir_));
    if (!listening) {
      std::fprintf(stderr, "recshim: %s\n", listening.error().message.c_str());
      return kExitFailed;
    }
    listen_fd_ = *listening;
    return kExitOk;
  }

  // They are their programs' business and not the session's. Nobody waits for us, nor for the
  // end of what we could write.
  void stay_for_watched() const {
    if (watched == 0 || options_.done_fd < 0) return;
    const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null_fd, STDERR_FILENO);
    setsid();
    close(options_.done_fd);
    while (watched > 0) usleep(50'000);
  }

  // Nobody finds the socket any more; those who have connected to it are served to the end.
  void leave() {
    unlink(control::gateway_socket_path(session_dir_).c_str());
    for (;;) {
      pollfd waiting{listen_fd_, POLLIN, 0};
      if (poll(&waiting, 1, alive > 0 ? 20 : 0) > 0) {
        accept_one();
      } else if (alive == 0) {
        break;
      }
    }
    close(listen_fd_);
  }

  void accept_one() {
    const int control = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (control < 0) return;
    ++alive;
    try {
      std::thread([this, control] { serve_one(control); }).detach();
    } catch (const std::exception& problem) {
      log::error("no thread for a connection: {}", problem.what());
      close(control);
      count_out();
    }
  }

  static void count_out() {
    ended = now_ms();
    --alive;
  }

  void serve_one(int control) const {
    try {
      const timeval limit{kMessageTimeoutS, 0};
      setsockopt(control, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
      take(control);
    } catch (const std::exception& problem) {
      log::error("a connection was given up: {}", problem.what());
    }
    count_out();
  }

  void take(int control) const {
    auto received = control::receive_handover(control);
    if (!received) {
      log::debug("{}", received.error().message);
      (void)control::answer_handover(control, received.error().message);
      close(control);
      return;
    }
    const auto answered =
        control::answer_handover(control, received->presence ? "" : config_error_);
    if (received->presence) {
      wait_for_end(control);
      close(control);
    } else if (!answered.ok() || shared_ == nullptr) {
      const auto& given = received->descriptors;
      for (const int fd : {given.connection, given.upstream, given.standard_error, control}) {
        if (fd >= 0) close(fd);
      }
    } else {
      const bool is_watched = received->handover.watched;
      if (is_watched) ++watched;
      serve(*shared_, std::move(*received), control);
      if (is_watched) --watched;
    }
  }

  static void wait_for_end(int control) {
    for (;;) {
      pollfd waiting{control, POLLIN, 0};
      if (poll(&waiting, 1, -1) < 0 && errno == EINTR) continue;
      char byte = 0;
      const ssize_t n = recv(control, &byte, 1, MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) return;
    }
  }

  const GatewayOptions& options_;
  const Shared* const shared_;
  const std::string config_error_;
  std::string session_dir_;
  int listen_fd_ = -1;
};

}  // namespace

int run_gateway(const GatewayOptions& options, const control::GetEnv& get_env,
                const std::string& cwd) {
  signal(SIGPIPE, SIG_IGN);
  struct sigaction end {};
  end.sa_handler = [](int) { told_to_end = true; };
  sigaction(SIGTERM, &end, nullptr);
  // The terminal's signals are for the programs; they say when they are done.
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;  // up to four descriptors for each connection
    setrlimit(RLIMIT_NOFILE, &files);
  }

  auto shared = Shared::load(get_env, cwd, options.session_dir);
  std::string session_dir = options.session_dir;
  if (shared.ok()) {
    const auto& config = (*shared)->config;
    session_dir = config.session_dir;
    if (!config.log_path.empty()) log::open(config.log_path, config.log_level);
  } else {
    std::fprintf(stderr, "recshim: %s\n", shared.error().message.c_str());
    if (options.listen_fd < 0 && !posix_env().stat(session_dir)) return kExitFailed;
  }
  if (chdir("/") != 0) log::debug("the working folder stays in use");

  // Noted now: the folder may be gone at the end, and made again for a recording's journal.
  const pid_t owner = control::noted_owner(session_dir);
  const int code = Gateway(options, shared.ok() ? shared->get() : nullptr,
                           shared.ok() ? "" : shared.error().message)
                       .run(session_dir);
  control::remove_if_abandoned(session_dir, owner);
  // Threads of connections may still be there after a SIGTERM: nothing of theirs is torn down
  // under them.
  std::fflush(nullptr);
  _exit(code);
}

}  // namespace recshim::gateway
