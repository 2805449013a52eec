// See loopback.h.
#include "shim/ops/loopback.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/ops/libc.h"
#include "shim/ops/seen_calls.h"
#include "shim/runtime/real.h"

namespace recshim::ops {
namespace {

using runtime::Endpoint;

constexpr time_t kAcceptTimeout_s = 2;

// Of the program's socket or of ours, which go to the kernel alike.
uint16_t local_port(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (sys::call(SYS_getsockname, fd, sys::arg(&address), sys::arg(&length)) != 0) return 0;
  const auto endpoint = runtime::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
  return endpoint ? endpoint->port : 0;
}

bool is_v6_only(int fd, int family) {
  int value = 0;
  socklen_t length = sizeof value;
  return family == AF_INET6 &&
         real::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length) == 0 && value != 0;
}

// Accepts the connection that comes from fd; a stranger who found the port is dropped.
int accept_from(int listener, int fd) {
  for (;;) {
    pollfd ready{listener, POLLIN, 0};
    const timespec limit{kAcceptTimeout_s, 0};
    if (sys::call(SYS_ppoll, sys::arg(&ready), 1, sys::arg(&limit)) <= 0) return -1;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int peer = static_cast<int>(
        sys::call(SYS_accept4, listener, sys::arg(&address), sys::arg(&length), SOCK_CLOEXEC));
    if (peer < 0) return -1;
    const auto from = runtime::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
    if (from && from->port == local_port(fd)) return peer;
    sys::close(peer);
  }
}

// A listener for one connection: nothing is shared between threads or forked processes.
bool connect_tcp(int fd, int family, Loopback& out) {
  const bool v6_only = is_v6_only(fd, family);
  const auto loopback = runtime::endpoint_from_text(v6_only ? "::1" : "127.0.0.1", 0);
  const int listener_family = v6_only ? AF_INET6 : AF_INET;
  const int listener =
      static_cast<int>(sys::call(SYS_socket, listener_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (listener < 0) return false;
  sockaddr_storage address{};
  socklen_t length = runtime::to_sockaddr(*loopback, listener_family, &address);
  bool made = sys::call(SYS_bind, listener, sys::arg(&address), length) == 0 &&
              sys::call(SYS_listen, listener, 1) == 0;
  if (made) {
    out.listener = *loopback;
    out.listener.port = local_port(listener);
    length = runtime::to_sockaddr(out.listener, family, &address);
    // With it connect(2) would wait for the first write, and we for the connection.
    sys::setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0);
    out.result = connect_seen(fd, reinterpret_cast<sockaddr*>(&address), length);
    out.error = out.result < 0 ? errno : 0;
    made = out.result == 0 || out.error == EINPROGRESS;
  }
  if (made) {
    const int peer = accept_from(listener, fd);
    if (peer >= 0) {
      const int on = 1;
      sys::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, on);
      out.peer_fd = runtime::raise_fd(peer);
    }
    made = out.peer_fd >= 0;
  }
  sys::close(listener);
  return made;
}

// Of the file that fd leads to, under whatever number it was registered. Source: proc(5), fdinfo
// of epoll.
std::vector<EpollRegistration> epoll_registrations(int fd) {
  std::vector<EpollRegistration> found;
  struct stat file {};
  if (sys::call(SYS_fstat, fd, sys::arg(&file)) != 0) return found;
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return found;
  while (const dirent* entry = readdir(folder)) {
    const std::string path = std::string("/proc/self/fd/") + entry->d_name;
    char target[64] = "";
    if (readlink(path.c_str(), target, sizeof target - 1) < 0) continue;
    if (std::strcmp(target, "anon_inode:[eventpoll]") != 0) continue;
    auto info = posix_env().read_file(std::string("/proc/self/fdinfo/") + entry->d_name);
    if (!info) continue;
    std::istringstream lines(*info);
    for (std::string line; std::getline(lines, line);) {
      EpollRegistration registration;
      unsigned events = 0;
      unsigned long long data = 0, inode = 0;
      const int read = sscanf(line.c_str(), "tfd: %d events: %x data: %llx pos:%*d ino:%llx",
                              &registration.fd, &events, &data, &inode);
      // Kernels before 5.9 name no inode.
      const bool same = read == 4 ? inode == file.st_ino : read == 3 && registration.fd == fd;
      if (!same) continue;
      registration.epoll_fd = std::atoi(entry->d_name);
      registration.event.events = events;
      registration.event.data.u64 = data;
      found.push_back(registration);
    }
  }
  closedir(folder);
  return found;
}

void copy_timeouts(int from, int to) {
  for (const int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    timeval value{};
    socklen_t length = sizeof value;
    if (real::getsockopt(from, SOL_SOCKET, name, &value, &length) == 0) {
      real::setsockopt(to, SOL_SOCKET, name, &value, length);
    }
  }
}

// What the program has set so far that a unix pair would not keep.
std::vector<std::array<int, 3>> tcp_options(int fd) {
  std::vector<std::array<int, 3>> options;
  for (const int name : {TCP_NODELAY, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_SYNCNT,
                         TCP_USER_TIMEOUT, TCP_QUICKACK, TCP_MAXSEG}) {
    int value = 0;
    socklen_t length = sizeof value;
    if (real::getsockopt(fd, IPPROTO_TCP, name, &value, &length) == 0) {
      options.push_back({IPPROTO_TCP, name, value});
    }
  }
  return options;
}

bool connect_pair(int fd, Loopback& out) {
  out.options = tcp_options(fd);
  const bool nonblocking = (real::fcntl(fd, F_GETFL, 0) & O_NONBLOCK) != 0;
  out.peer_fd = put_unix_pair(fd, SOCK_STREAM);
  if (out.peer_fd < 0) {
    out.error = errno;
    return false;
  }
  out.unix_pair = true;
  out.result = nonblocking ? -1 : 0;
  out.error = nonblocking ? EINPROGRESS : 0;
  return true;
}

}  // namespace

std::vector<EpollRegistration> leave_epolls(int fd) {
  auto registrations = epoll_registrations(fd);
  for (const auto& each : registrations) {
    sys::call(SYS_epoll_ctl, each.epoll_fd, EPOLL_CTL_DEL, each.fd, 0);
  }
  return registrations;
}

void rejoin_epolls(std::vector<EpollRegistration> registrations) {
  for (auto& each : registrations) {
    sys::call(SYS_epoll_ctl, each.epoll_fd, EPOLL_CTL_ADD, each.fd, sys::arg(&each.event));
  }
}

bool put_in_place(int fd, int file) {
  const int fd_flags = real::fcntl(fd, F_GETFD, 0);
  sys::call(SYS_fcntl, file, F_SETFL, real::fcntl(fd, F_GETFL, 0) & O_NONBLOCK);
  copy_timeouts(fd, file);
  // The kernel ties them to the file that is there now, which may live on under another number.
  const auto registrations = leave_epolls(fd);
  const bool placed = real::dup3(file, fd, (fd_flags & FD_CLOEXEC) != 0 ? O_CLOEXEC : 0) == fd;
  const int error = errno;
  sys::close(file);
  rejoin_epolls(registrations);
  errno = error;
  return placed;
}

int put_unix_pair(int fd, int type) {
  int pair[2];
  const long made = sys::call(SYS_socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, sys::arg(&pair[0]));
  if (made != 0) return fail(static_cast<int>(-made));
  if (put_in_place(fd, pair[0])) return runtime::raise_fd(pair[1]);
  sys::close(pair[1]);
  return -1;
}

bool put_tcp_socket(int fd, int family) {
  const long made = sys::call(SYS_socket, family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return made >= 0 && put_in_place(fd, static_cast<int>(made));
}

Loopback connect_to_ourselves(int fd, int family) {
  Loopback out;
  if (connect_tcp(fd, family, out)) return out;
  log::debug("no TCP over loopback ({}); using a unix pair", sys::error_text(out.error));
  out = Loopback{};
  if (!connect_pair(fd, out))
    log::error("cannot make a connection of our own: {}", sys::error_text(out.error));
  return out;
}

}  // namespace recshim::ops
