// See lookup_socket.h.
#include "shim/ops/lookup_socket.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/dns_message.h"
#include "shim/ops/libc.h"
#include "shim/ops/lookup.h"
#include "shim/ops/loopback.h"
#include "shim/ops/seen_calls.h"
#include "shim/ops/transfer.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"

namespace recshim::ops {

using runtime::Endpoint;
using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Socket;

namespace {

constexpr size_t kMaxQuestion_bytes = 4096;

struct Lookup {
  bool known = false;  // fd is a lookup socket
  int peer_fd = -1;    // of the pair in its place
  int family = 0;
  Endpoint server;
};

Lookup lookup_of(int fd) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr) return {};
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  if (!locked || locked->role != Role::kLookup) return {};
  return {true, locked->peer_fd, locked->asked_family, locked->asked};
}

// REQUIRES: OwnWork.
void follow(int fd, int family, const Endpoint& server, int peer_fd, int parked_fd) {
  runtime::add_socket(fd, [&](Socket& socket) {
    socket.role = Role::kLookup;
    socket.asked = server;
    socket.asked_family = family;
    socket.peer_fd = peer_fd;
    socket.parked_fd = parked_fd;
    socket.unix_pair = peer_fd >= 0;
  });
}

// Puts a pair in the place of fd, which is parked. Returns our end, -1 with errno on failure.
// REQUIRES: OwnWork.
int stand_in(int fd, int family, const Endpoint& server) {
  const long copy = sys::call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return fail(static_cast<int>(-copy));
  const int parked = runtime::raise_fd(static_cast<int>(copy));
  const int peer = put_unix_pair(fd, SOCK_DGRAM);
  if (peer >= 0) {
    follow(fd, family, server, peer, parked);
    return peer;
  }
  const int error = errno;
  runtime::forget_own_fd(parked);
  sys::close(parked);
  return fail(error);
}

bool is_udp(int fd) {
  int value = 0;
  socklen_t length = sizeof value;
  return real::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &length) == 0 &&
         value == IPPROTO_UDP;
}

std::string joined(const iovec* vector, int count) {
  std::string bytes;
  for (int i = 0; i < count && bytes.size() <= kMaxQuestion_bytes; ++i) {
    bytes.append(static_cast<const char*>(vector[i].iov_base), vector[i].iov_len);
  }
  return bytes;
}

}  // namespace

int connect_lookup(int fd, int family, const Endpoint& server, const sockaddr* address,
                   socklen_t length) {
  const int result = connect_seen(fd, address, length);
  const int error = errno;
  const bool unreachable = result != 0 && (error == ENETUNREACH || error == EHOSTUNREACH);
  if (result != 0 && !unreachable) return result;
  const OwnWork work;
  if (unreachable) return stand_in(fd, family, server) >= 0 ? 0 : fail(error);
  follow(fd, family, server, -1, -1);
  return 0;
}

bool answer_lookup(int fd, const Endpoint* server, const iovec* vector, int count) {
  Lookup lookup = lookup_of(fd);
  if (!lookup.known && server == nullptr) return false;
  std::string question_bytes;
  std::optional<control::DnsQuestion> question;
  {
    const OwnWork work;
    question_bytes = joined(vector, count);
    question = control::parse_dns_query(question_bytes);
  }
  const auto address =
      question && question->internet ? synthetic_answer(question->name) : std::nullopt;
  if (!address) {
    if (lookup.peer_fd >= 0) end_lookup(fd);
    return false;
  }
  if (!lookup.known && !is_udp(fd)) return false;
  const OwnWork work;
  if (server != nullptr) {
    lookup.server = *server;
    lookup.family = server->is_v4() ? AF_INET : AF_INET6;
  }
  const int peer_fd =
      lookup.peer_fd >= 0 ? lookup.peer_fd : stand_in(fd, lookup.family, lookup.server);
  if (peer_fd < 0) return false;
  const bool wanted = question->type == control::kDnsA;
  const std::string answer = control::dns_answer(question_bytes, wanted ? address : std::nullopt);
  const ssize_t sent =
      sys::send(peer_fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  log::debug("lookup of {} (type {}) answered past libc", question->name, question->type);
  return sent == static_cast<ssize_t>(answer.size());
}

void end_lookup(int fd) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr) return;
  const OwnWork work;
  int parked = -1;
  Endpoint server;
  int family = 0;
  {
    const LockedSocket locked(socket, fd);
    if (!locked || locked->role != Role::kLookup) return;
    parked = std::exchange(locked->parked_fd, -1);
    server = locked->asked;
    family = locked->asked_family;
  }
  forget_socket(fd);
  if (parked < 0) return;
  runtime::forget_own_fd(parked);
  if (put_in_place(fd, parked)) follow(fd, family, server, -1, -1);
}

void name_source(int fd, sockaddr* address, socklen_t room, socklen_t* length) {
  if (address == nullptr || length == nullptr) return;
  const Lookup lookup = lookup_of(fd);
  if (lookup.peer_fd < 0) return;
  sockaddr_storage source{};
  const socklen_t size = runtime::to_sockaddr(lookup.server, lookup.family, &source);
  std::memcpy(address, &source, std::min(room, size));
  *length = size;
}

}  // namespace recshim::ops
