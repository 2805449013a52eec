// connect(2). Decides once for each connection whether it is replayed, recorded, watched or not
// ours.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/session.h"
#include "shim/flow/first_bytes.h"
#include "shim/ops/libc.h"
#include "shim/ops/lookup_socket.h"
#include "shim/ops/loopback.h"
#include "shim/ops/seen_calls.h"
#include "shim/ops/transfer.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/names.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"
#include "shim/runtime/start.h"

namespace recshim::ops {

using runtime::Endpoint;
using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Runtime;
using runtime::Socket;

namespace {

constexpr uint16_t kDnsPort = 53;

// Where a connect(2) is to lead.
struct Target {
  Endpoint asked;
  std::string host;  // the name looked up, or the address as text
  bool named = false;
  bool configured = false;
  bool proxy = false;
  const control::ConnectTo* redirect = nullptr;
};

// What becomes of the connection.
const char* course_of(const Runtime& self, bool ours) {
  if (self.config.mode == control::Mode::kLive) return "left alone";
  if (!ours) return "watched, for its host is not configured";
  return self.replaying() ? "replayed" : "recorded";
}

int socket_option(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return real::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

Target target_of(const Runtime& self, const Endpoint& asked) {
  Target target;
  target.asked = asked;
  const auto name = runtime::host_of(asked);
  target.named = name.has_value();
  target.host = name.value_or(asked.text());
  // A host may be configured by its name or, where the program knows only that, its address.
  const std::string address = asked.text();
  target.configured =
      self.hosts->configured(target.host, asked.port, asked.is_synthetic() ? "" : address);
  target.proxy = self.is_proxy(target.host, asked.port) || self.is_proxy(address, asked.port);
  target.redirect = self.hosts->connect_to(target.host, asked.port);
  return target;
}

// An address for a socket of `family`, by the real resolver where it is a name.
std::optional<Endpoint> resolve(const std::string& host, uint16_t port, int family) {
  if (auto endpoint = runtime::endpoint_from_text(host, port)) return endpoint;
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  if (family == AF_INET6) hints.ai_flags = AI_V4MAPPED;
  addrinfo* list = nullptr;
  if (real::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  auto endpoint = runtime::endpoint_of(list->ai_addr, list->ai_addrlen);
  freeaddrinfo(list);
  if (endpoint) endpoint->port = port;
  return endpoint;
}

int real_connect(int fd, const Endpoint& endpoint, int family) {
  sockaddr_storage address{};
  const socklen_t length = runtime::to_sockaddr(endpoint, family, &address);
  if (length == 0) return fail(EAFNOSUPPORT);
  return connect_seen(fd, reinterpret_cast<sockaddr*>(&address), length);
}

int refuse_connect(const Target& target, const std::string& reason, int error) {
  const std::string where = target.host + ":" + std::to_string(target.asked.port);
  runtime::runtime()->exchanges->refused(where, where, reason);
  errno = error;
  return error;
}

http::Origin origin_of(const Target& target) {
  http::Origin origin;
  origin.scheme = "http";  // a TLS session makes it https
  origin.host = target.host;
  origin.port = target.asked.port;
  return origin;
}

// Replay: we are the server. Returns 0 or an errno.
int start_replay(int fd, int family, const Target& target) {
  const OwnWork work;
  auto prepared = runtime::prepare_session_dir();
  if (!prepared.ok()) log::warn("{}", prepared.error().message);
  const Loopback loopback = connect_to_ourselves(fd, family);
  if (loopback.peer_fd < 0) return loopback.error != 0 ? loopback.error : ECONNREFUSED;
  runtime::add_socket(fd, [&](Socket& socket) {
    socket.role = Role::kReplay;
    socket.origin = origin_of(target);
    socket.proxy = target.proxy && !target.configured;
    socket.asked = target.asked;
    socket.asked_family = family;
    socket.rewritten = loopback.listener;
    socket.peer_fd = loopback.peer_fd;
    socket.unix_pair = loopback.unix_pair;
    socket.options = loopback.options;
    socket.replay = runtime::make_replay(socket, socket.origin);
    if (flow::server_speaks_first(target.asked.port) && !socket.proxy) {
      runtime::refuse(socket, flow::kServerSpeaksFirst);
    }
  });
  return loopback.error;
}

// Record, or a connection whose first bytes are to be looked at. Registered before the real
// connect: another thread may write as soon as the kernel says it is connected.
int connect_followed(int fd, int family, const Target& target, Role role,
                     const Endpoint& destination) {
  {
    const OwnWork work;
    if (role == Role::kRecord) {
      auto prepared = runtime::prepare_session_dir();
      if (!prepared.ok()) log::warn("{}", prepared.error().message);
    }
    runtime::add_socket(fd, [&](Socket& socket) {
      socket.role = role;
      socket.origin = origin_of(target);
      socket.proxy = target.proxy && !target.configured;
      socket.asked = target.asked;
      socket.asked_family = family;
      socket.rewritten = destination;
      if (role == Role::kRecord) {
        socket.record = runtime::make_record(socket);
      }
    });
  }
  const int result = real_connect(fd, destination, family);
  if (result != 0 && errno != EINPROGRESS && errno != EINTR) {
    const OwnWork work;
    runtime::remove_socket(fd, [](Socket&, int) {});
  }
  return result;
}

// A second connect(2) on a socket of ours, which the kernel answers (EISCONN, or 0 once for
// a connect that was in progress) by the state of the connection, not the address.
int connect_again(int fd, const sockaddr* address, socklen_t length) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr) return connect_seen(fd, address, length);
  int family = 0;
  Endpoint leads_to;
  bool unix_pair = false;
  {
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (locked) {
      family = locked->asked_family;
      leads_to = locked->rewritten;
      unix_pair = locked->unix_pair;
    }
  }
  if (unix_pair) return fail(EISCONN);
  if (family == 0) return connect_seen(fd, address, length);
  return real_connect(fd, leads_to, family);
}

// connect(2) to AF_UNSPEC on a socket of ours. True when that was all: a unix pair gives
// its number back to a TCP socket.
bool disconnect(int fd) {
  int family = 0;
  {
    Socket* socket = runtime::find_socket(fd);
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (locked && locked->unix_pair) family = locked->asked_family;
  }
  const OwnWork work;
  forget_socket(fd);
  return family != 0 && put_tcp_socket(fd, family);
}

// There is a family to be read, and the kernel could read all of it.
bool is_address(const void* address, socklen_t length) {
  return address != nullptr && length >= sizeof(sa_family_t) &&
         sys::is_readable(address, std::min<size_t>(length, sizeof(sockaddr_storage)));
}

int connect_udp(int fd, const Endpoint& asked, const sockaddr* address, socklen_t length) {
  if (refuse_datagram(asked)) return fail(ECONNREFUSED);
  if (is_lookup(asked)) return connect_lookup(fd, address->sa_family, asked, address, length);
  return connect_seen(fd, address, length);
}

int connect_stream(int fd, int family, const Endpoint& asked, const sockaddr* address,
                   socklen_t length) {
  Runtime& self = *runtime::runtime();
  Target target;
  int error = 0;
  {
    const OwnWork work;
    target = target_of(self, asked);
    if (asked.is_synthetic() && !target.named) {
      error = refuse_connect(target, "a synthetic address that no lookup of this session gave",
                             ENETUNREACH);
    } else if (!self.config.errors.empty() && (target.configured || target.proxy) &&
               self.config.mode != control::Mode::kLive) {
      runtime::refuse_for_config_errors(target.host + ":" + std::to_string(target.asked.port));
      error = ECONNREFUSED;
    } else {
      log::trace("fd {} to {}:{}, asked for as {}: {}", fd, target.host, asked.port, asked.text(),
                 course_of(self, target.configured || target.proxy));
    }
  }
  if (error != 0) return fail(error);
  const bool ours = target.configured || target.proxy;

  if (ours && self.replaying()) {
    error = start_replay(fd, family, target);
    return error == 0 ? 0 : fail(error);
  }

  Endpoint destination = asked;
  if (target.redirect != nullptr || asked.is_synthetic()) {
    const auto resolved = target.redirect != nullptr ? resolve(target.redirect->target_address,
                                                               target.redirect->target_port, family)
                                                     : resolve(target.host, asked.port, family);
    if (!resolved || resolved->is_synthetic()) return fail(EHOSTUNREACH);
    destination = *resolved;
  }
  if (self.config.mode == control::Mode::kLive) {
    const bool as_asked = destination.address == asked.address && destination.port == asked.port;
    return as_asked ? connect_seen(fd, address, length) : real_connect(fd, destination, family);
  }
  return connect_followed(fd, family, target, ours ? Role::kRecord : Role::kWatched, destination);
}

}  // namespace

int fail(int error) {
  errno = error;
  return -1;
}

std::optional<Endpoint> endpoint_asked(const void* address, socklen_t length) {
  if (!is_address(address, length)) return std::nullopt;
  return runtime::endpoint_of(static_cast<const sockaddr*>(address), length);
}

int connect(int fd, const sockaddr* address, socklen_t length) {
  if (runtime::in_own_work()) return real::connect(fd, address, length);
  runtime::start();
  Runtime* self = runtime::runtime();
  if (self == nullptr) return real::connect(fd, address, length);
  end_lookup(fd);
  const auto asked = endpoint_asked(address, length);
  if (!asked) {
    const bool disconnects = is_address(address, length) && address->sa_family == AF_UNSPEC;
    if (disconnects && runtime::find_socket(fd) != nullptr && disconnect(fd)) return 0;
    return connect_seen(fd, address, length);
  }
  if (runtime::find_socket(fd) != nullptr && is_connected_or_connecting(fd)) {
    return connect_again(fd, address, length);
  }
  const int type = socket_option(fd, SO_TYPE);
  // Raw sockets: what connects there sends something of its own making.
  if (type != SOCK_DGRAM && type != SOCK_STREAM && asked->is_synthetic()) return fail(ENETUNREACH);
  if (type == SOCK_DGRAM) return connect_udp(fd, *asked, address, length);
  if (type != SOCK_STREAM) return connect_seen(fd, address, length);
  return connect_stream(fd, address->sa_family, *asked, address, length);
}

bool is_connected_or_connecting(int fd) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr) return false;
  bool unix_pair = false;
  {
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (!locked) return false;
    unix_pair = locked->unix_pair;
  }
  if (unix_pair) return true;
  tcp_info info{};
  socklen_t length = sizeof info;
  if (real::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return false;
  return info.tcpi_state != TCP_CLOSE;
}

bool is_lookup(const Endpoint& asked) {
  const Runtime* self = runtime::runtime();
  return asked.port == kDnsPort && self != nullptr &&
         (self->replaying() || !self->config.connect_to.empty());
}

bool refuse_datagram(const Endpoint& asked) {
  Runtime* self = runtime::runtime();
  if (self == nullptr) return false;
  if (asked.is_synthetic()) {
    const OwnWork work;
    log::info("{}:{} is a synthetic address, to which nothing is sent", asked.text(), asked.port);
    return true;
  }
  if (!self->replaying() || asked.port == kDnsPort) return false;
  const OwnWork work;
  const Target target = target_of(*self, asked);
  // Port 80 carries no QUIC, and a connect(2) to it is how programs ask for their address.
  const bool refused = target.configured && !(self->default_hosts() && asked.port == 80);
  if (refused) log::info("{}:{} over UDP refused in replay", target.host, asked.port);
  return refused;
}

bool reconnect_for_real(int fd, const Endpoint& destination, int family, std::string_view unsent) {
  std::vector<EpollRegistration> epolls;
  {
    const OwnWork work;
    epolls = leave_epolls(fd);
  }
  sockaddr unspecified{};
  unspecified.sa_family = AF_UNSPEC;
  bool done = connect_seen(fd, &unspecified, sizeof unspecified) == 0;
  const int flags = real::fcntl(fd, F_GETFL, 0);
  if (done) {
    real::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    done = real_connect(fd, destination, family) == 0;
  }
  {
    const OwnWork work;
    rejoin_epolls(std::move(epolls));
  }
  while (done && !unsent.empty()) {
    const ssize_t n = real::send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
    if (n <= 0) done = n < 0 && errno == EINTR;
    if (n > 0) unsent.remove_prefix(static_cast<size_t>(n));
  }
  const int saved_errno = errno;
  real::fcntl(fd, F_SETFL, flags);
  errno = saved_errno;
  return done;
}

int hand_over_recorded(int fd, std::string_view unsent) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr) return ECONNRESET;
  const OwnWork work;
  // Locked all the while: a thread that reads must not meet the end of the old connection.
  const LockedSocket locked(socket, fd);
  if (!locked) return ECONNRESET;
  auto epolls = leave_epolls(fd);
  sockaddr unspecified{};
  unspecified.sa_family = AF_UNSPEC;
  const bool disconnected = connect_seen(fd, &unspecified, sizeof unspecified) == 0;
  const Loopback loopback =
      disconnected ? connect_to_ourselves(fd, locked->asked_family) : Loopback{};
  rejoin_epolls(std::move(epolls));
  if (loopback.peer_fd < 0) return loopback.error != 0 ? loopback.error : ECONNRESET;
  locked->rewritten = loopback.listener;
  locked->peer_fd = loopback.peer_fd;
  locked->unix_pair = loopback.unix_pair;
  locked->options = loopback.options;
  locked->record.reset();
  return runtime::hand_over(*locked, /*plaintext=*/false, "", unsent);
}

}  // namespace recshim::ops
