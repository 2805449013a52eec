// What a socket says of itself: its ends as the program asked for them, and over a unix pair the
// options that only TCP or UDP has.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "shim/ops/libc.h"
#include "shim/runtime/names.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"

namespace recshim::ops {

using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Socket;

int getpeername(int fd, sockaddr* address, socklen_t* length) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr || runtime::in_own_work() || length == nullptr) {
    return real::getpeername(fd, address, length);
  }
  sockaddr_storage asked{};
  socklen_t asked_length = 0;
  {
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (locked) asked_length = runtime::to_sockaddr(locked->asked, locked->asked_family, &asked);
  }
  sockaddr_storage actual{};
  socklen_t actual_length = sizeof actual;
  // The kernel knows whether there is a peer at all.
  if (asked_length == 0 ||
      real::getpeername(fd, reinterpret_cast<sockaddr*>(&actual), &actual_length) != 0) {
    return real::getpeername(fd, address, length);
  }
  std::memcpy(address, &asked, std::min(*length, asked_length));
  *length = asked_length;
  return 0;
}

int getsockname(int fd, sockaddr* address, socklen_t* length) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr || runtime::in_own_work() || length == nullptr) {
    return real::getsockname(fd, address, length);
  }
  sockaddr_storage local{};
  socklen_t local_length = 0;
  {
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (locked && locked->unix_pair) {
      // There is no address under a unix pair; loopback with a port is what TCP would show.
      auto endpoint = runtime::endpoint_from_text("127.0.0.1", 40000);
      local_length = runtime::to_sockaddr(*endpoint, locked->asked_family, &local);
    }
  }
  if (local_length == 0) return real::getsockname(fd, address, length);
  std::memcpy(address, &local, std::min(*length, local_length));
  *length = local_length;
  return 0;
}

namespace {

// Runs `answer` on the socket under fd if it is a unix pair in a TCP socket's place.
template <typename Answer>
bool on_unix_pair(int fd, const Answer& answer) {
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr || runtime::in_own_work()) return false;
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  if (!locked || !locked->unix_pair) return false;
  answer(*locked);
  return true;
}

// What TCP would say of an option that a unix pair does not have; nullopt: nothing but
// zeros, at the length asked for.
std::optional<int> pair_option(const Socket& socket, int level, int name) {
  for (const auto& [set_level, set_name, value] : socket.options) {
    if (set_level == level && set_name == name) return value;
  }
  if (level == SOL_SOCKET && name == SO_DOMAIN) return socket.asked_family;
  if (level == SOL_SOCKET && name == SO_PROTOCOL) {
    return socket.role == Role::kLookup ? IPPROTO_UDP : IPPROTO_TCP;
  }
  if (level == IPPROTO_TCP && name == TCP_MAXSEG) return 1460;
  if (level == IPPROTO_TCP && name == TCP_INFO) return TCP_ESTABLISHED;
  return std::nullopt;
}

}  // namespace

int getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  const bool kernels = level == SOL_SOCKET && name != SO_DOMAIN && name != SO_PROTOCOL;
  std::optional<int> answer;
  if (kernels || value == nullptr || length == nullptr ||
      !on_unix_pair(fd, [&](Socket& socket) { answer = pair_option(socket, level, name); })) {
    return real::getsockopt(fd, level, name, value, length);
  }
  const int number = answer.value_or(0);
  if (*length >= sizeof number) std::memset(value, 0, *length);
  std::memcpy(value, &number, std::min<size_t>(*length, sizeof number));
  if (name != TCP_INFO) *length = std::min<socklen_t>(*length, sizeof number);
  return 0;
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  // What only TCP or IP knows has no effect over a unix pair, but reads back.
  if (level == SOL_SOCKET || value == nullptr || !on_unix_pair(fd, [&](Socket& socket) {
        int number = 0;
        std::memcpy(&number, value, std::min<size_t>(length, sizeof number));
        std::erase_if(socket.options,
                      [&](const auto& set) { return set[0] == level && set[1] == name; });
        socket.options.push_back({level, name, number});
      })) {
    return real::setsockopt(fd, level, name, value, length);
  }
  return 0;
}

}  // namespace recshim::ops
