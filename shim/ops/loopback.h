// Makes the program's socket lead to us: over TCP on the loopback interface where there is
// one, so that the socket stays the same kernel object; else over a unix pair put in its
// place.
#pragma once

#include <array>
#include <vector>

#include "shim/runtime/sockets.h"

namespace recshim::ops {

struct Loopback {
  int peer_fd = -1;  // our end, raised; -1 on failure
  bool unix_pair = false;
  int result = -1;  // what connect(2) is to return, with `error`
  int error = 0;
  std::vector<std::array<int, 3>> options;  // unix pair: as Socket::options
  runtime::Endpoint listener;               // tcp: where the program's socket is connected to
};

// fd: the program's stream socket of `family`, not connected yet. REQUIRES: OwnWork.
Loopback connect_to_ourselves(int fd, int family);

// Puts `file` under the number fd, with the flags, timeouts and epoll registrations of what was
// there; the number that file had is closed. On failure errno is set. REQUIRES: OwnWork.
bool put_in_place(int fd, int file);

// Puts one end of a unix pair of `type` under the number fd as above. Returns the other, raised;
// -1 with errno on failure. REQUIRES: OwnWork.
int put_unix_pair(int fd, int type);

// Puts an unconnected TCP socket of `family` under the number fd, with its status flags.
// REQUIRES: OwnWork.
bool put_tcp_socket(int fd, int family);

}  // namespace recshim::ops
