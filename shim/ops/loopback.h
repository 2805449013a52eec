// Makes the program's socket lead to us: over TCP on the loopback interface where there is
// one, so that the socket stays the same kernel object; else over a unix pair put in its
// place.
#pragma once

#include <sys/epoll.h>

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

// That an epoll instance of this process waits for what is at fd.
struct EpollRegistration {
  int epoll_fd = -1;
  int fd = -1;
  epoll_event event{};
};

// Takes the file at fd out of every epoll instance of this process, and puts it back: in between
// other threads see nothing of what becomes of it, where they would take the end of the old
// connection for the end of it all. Back in, what is ready then is told anew. REQUIRES: OwnWork.
[[nodiscard]] std::vector<EpollRegistration> leave_epolls(int fd);
void rejoin_epolls(std::vector<EpollRegistration> registrations);

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
