// See redirect.h.
#include "tools/supervisor/redirect.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#ifndef IPV6_FREEBIND  // linux/in6.h, which can't stand beside netinet/in.h
#define IPV6_FREEBIND 78
#endif

namespace recshim::supervisor {
namespace {

using control::Endpoint;

constexpr int kAcceptTimeout_ms = 2000;

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : 0;
}

void set_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

std::optional<Endpoint> local_end(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
}

bool is_v6_only(int fd, int family) {
  return family == AF_INET6 && option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0;
}

bool listen_at(int listener, const Endpoint& address, int family) {
  set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1);
  // In the private network IPv6 addresses are ours by a route alone.
  if (family == AF_INET6) set_option(listener, IPPROTO_IPV6, IPV6_FREEBIND, 1);
  sockaddr_storage storage{};
  const socklen_t length = control::to_sockaddr(address, family, &storage);
  return bind(listener, reinterpret_cast<sockaddr*>(&storage), length) == 0 &&
         listen(listener, 1) == 0;
}

// Accepts the connection that comes from local_port(); a stranger who found the listener's port is
// dropped.
int accept_from(int listener, const std::function<uint16_t()>& local_port, int patience_ms) {
  for (;;) {
    pollfd ready{listener, POLLIN, 0};
    if (poll(&ready, 1, patience_ms) <= 0) return -1;
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int peer =
        accept4(listener, reinterpret_cast<sockaddr*>(&address), &length, SOCK_CLOEXEC);
    if (peer < 0) return -1;
    const auto from = control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
    if (from && from->port == local_port()) {
      set_option(peer, IPPROTO_TCP, TCP_NODELAY, 1);
      return peer;
    }
    close(peer);
  }
}

// Connects fd to `listener`, which listens at `at` already, and accepts.
bool connect_and_accept(int fd, int family, int listener, const Endpoint& at, Redirected& out) {
  sockaddr_storage address{};
  const socklen_t length = control::to_sockaddr(at, family, &address);
  const int result = connect(fd, reinterpret_cast<sockaddr*>(&address), length);
  out.error = result != 0 ? errno : 0;
  if (result != 0 && errno != EINPROGRESS) return false;
  const auto local_port = [fd] {
    const auto own = local_end(fd);
    return own ? own->port : uint16_t{0};
  };
  out.peer_fd = accept_from(listener, local_port, kAcceptTimeout_ms);
  return out.peer_fd >= 0;
}

// Lets socket share the local address of upstream_fd: their other ends differ. Programs compare
// what both sides of a connection to themselves say of it.
void share_local_end(int socket, int family, const Endpoint& local) {
  const int before = option(socket, SOL_SOCKET, SO_REUSEADDR);
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  sockaddr_storage address{};
  const socklen_t length = control::to_sockaddr(local, family, &address);
  // Where that can't be it gets another, as ever.
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), length) != 0) errno = 0;
  set_option(socket, SOL_SOCKET, SO_REUSEADDR, before);
}

bool over_loopback(int socket, int family, int upstream_fd, Redirected& out) {
  const auto local = upstream_fd >= 0 ? local_end(upstream_fd) : std::nullopt;
  const bool v6 = is_v6_only(socket, family) || (local && !local->is_v4());
  const int listener_family = v6 ? AF_INET6 : AF_INET;
  const int listener = ::socket(listener_family, SOCK_STREAM | SOCK_CLOEXEC,
                                option(socket, SOL_SOCKET, SO_PROTOCOL));
  if (listener < 0) return false;
  auto at = control::endpoint_from_text(v6 ? "::1" : "127.0.0.1", 0);
  bool made = listen_at(listener, *at, listener_family);
  if (made) at = local_end(listener);
  if (made && local) share_local_end(socket, family, *local);
  made = made && at && connect_and_accept(socket, family, listener, *at, out);
  close(listener);
  return made;
}

void set_nonblocking(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// 0 where the kernel has no such number (before 5.14). Source: socket(7).
uint64_t network_of(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length);
  return cookie;
}

// What the program has set on its socket so far.
void copy_options(int from, int to) {
  constexpr std::array<std::pair<int, int>, 9> kOptions = {{{SOL_SOCKET, SO_KEEPALIVE},
                                                            {SOL_SOCKET, SO_OOBINLINE},
                                                            {SOL_SOCKET, SO_RCVLOWAT},
                                                            {IPPROTO_TCP, TCP_NODELAY},
                                                            {IPPROTO_TCP, TCP_KEEPIDLE},
                                                            {IPPROTO_TCP, TCP_KEEPINTVL},
                                                            {IPPROTO_TCP, TCP_KEEPCNT},
                                                            {IPPROTO_TCP, TCP_USER_TIMEOUT},
                                                            {IPPROTO_TCP, TCP_QUICKACK}}};
  for (const auto& [level, name] : kOptions) set_option(to, level, name, option(from, level, name));
  for (const int name : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    timeval value{};
    socklen_t length = sizeof value;
    if (getsockopt(from, SOL_SOCKET, name, &value, &length) == 0) {
      setsockopt(to, SOL_SOCKET, name, &value, length);
    }
  }
}

bool over_private_net(int family, const Endpoint& asked, PrivateNet& net, Redirected& out) {
  // A connection to the same address a moment ago may still hold it: the listener takes
  // turns, one for each connection.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  const auto listener = net.socket(family, SOCK_STREAM);
  if (!listener) return false;
  const auto client = net.socket(family, SOCK_STREAM);
  bool made = client && listen_at(*listener, asked, family) &&
              connect_and_accept(*client, family, *listener, asked, out);
  close(*listener);
  if (made) {
    out.replacement_fd = *client;
    out.error = 0;
  } else if (client) {
    close(*client);
  }
  return made;
}

bool over_unix_pair(Redirected& out) {
  std::array<int, 2> pair{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return false;
  out.replacement_fd = pair[0];
  out.peer_fd = pair[1];
  out.error = 0;
  return true;
}

}  // namespace

Result<Redirected> redirect_stream(int socket, int family, const Endpoint& asked, bool nonblocking,
                                   int upstream_fd, PrivateNet* net) {
  Redirected out;
  if (over_loopback(socket, family, upstream_fd, out)) return out;
  out = {};
  if ((net != nullptr && over_private_net(family, asked, *net, out)) || over_unix_pair(out)) {
    copy_options(socket, out.replacement_fd);
    if (nonblocking) set_nonblocking(out.replacement_fd);
    return out;
  }
  return Error{ErrorCode::kIo,
               fmt::format("no connection of our own can be made: {}", std::strerror(errno))};
}

Result<Redirected> replace_stream(int protocol, int family, const Endpoint& asked, bool nonblocking,
                                  int upstream_fd, PrivateNet* net) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  if (socket < 0) return Error{ErrorCode::kIo, fmt::format("socket: {}", std::strerror(errno))};
  auto made = redirect_stream(socket, family, asked, nonblocking, upstream_fd, net);
  if (made && made->replacement_fd < 0) {
    made->replacement_fd = socket;
    if (nonblocking) set_nonblocking(socket);
  } else {
    close(socket);
  }
  return made;
}

std::optional<Lead> prepare_lead(int protocol, const Endpoint& asked) {
  // A socket that asks for an IPv4 address by its mapped form takes ours in that form, too.
  const int family = asked.is_v4() ? AF_INET : AF_INET6;
  const auto local = control::endpoint_from_text(asked.is_v4() ? "127.0.0.1" : "::1", 0);
  Lead lead;
  lead.listener_fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  if (lead.listener_fd < 0) return std::nullopt;
  const int probe = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);
  Redirected proven;
  bool made = probe >= 0 && listen_at(lead.listener_fd, *local, family);
  if (made) {
    const auto at = local_end(lead.listener_fd);
    made = at && connect_and_accept(probe, family, lead.listener_fd, *at, proven);
    if (made) lead.at = *at;
  }
  for (const int fd : {probe, proven.peer_fd}) {
    if (fd >= 0) close(fd);
  }
  if (made) return lead;
  close(lead.listener_fd);
  return std::nullopt;
}

int accept_lead(const Lead& lead, const std::function<uint16_t()>& local_port, int patience_ms) {
  return accept_from(lead.listener_fd, local_port, patience_ms);
}

Upstream connect_upstream(int socket, int family, const Endpoint& asked,
                          const std::function<bool(int)>& go_on) {
  constexpr int kStep_ms = 50;
  Upstream made;
  made.fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, option(socket, SOL_SOCKET, SO_PROTOCOL));
  if (made.fd < 0) return {-1, errno};
  set_option(made.fd, SOL_SOCKET, SO_REUSEADDR, 1);  // see share_local_end()
  if (socket >= 0 && network_of(made.fd) != network_of(socket)) {
    close(made.fd);
    made.fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
  }
  set_nonblocking(made.fd);
  sockaddr_storage address{};
  const socklen_t length = control::to_sockaddr(asked, family, &address);
  if (connect(made.fd, reinterpret_cast<sockaddr*>(&address), length) == 0) return made;
  made.error = errno;
  for (int waited_ms = 0; made.error == EINPROGRESS; waited_ms += kStep_ms) {
    pollfd ready{made.fd, POLLOUT, 0};
    if (poll(&ready, 1, kStep_ms) > 0) {
      socklen_t size = sizeof made.error;
      getsockopt(made.fd, SOL_SOCKET, SO_ERROR, &made.error, &size);
    } else if (!go_on(waited_ms + kStep_ms)) {
      made.error = 0;
    }
  }
  if (made.error == 0) return made;
  close(made.fd);
  return {-1, made.error};
}

Result<int> datagram_replacement(int socket, int family, bool nonblocking, PrivateNet& net) {
  auto made = net.socket(family, SOCK_DGRAM);
  if (!made) return made;
  copy_options(socket, *made);
  if (nonblocking) set_nonblocking(*made);
  return made;
}

}  // namespace recshim::supervisor
