// Makes a supervised program's socket lead to us instead of where it asked.
#pragma once

#include <functional>
#include <optional>

#include "shim/base/result.h"
#include "shim/control/endpoint.h"
#include "tools/supervisor/private_net.h"

namespace recshim::supervisor {

struct Redirected {
  int peer_fd = -1;         // our end; the caller's
  int replacement_fd = -1;  // to be put in the program's socket's place; -1: it stays
  int error = 0;            // what connect(2) is to say
};

// socket: a copy of the program's stream socket of `family`, not connected yet; it stays the
// caller's. It is connected itself where there is a loopback interface; else a TCP
// connection in net takes its place, with the address that was asked for at the other end;
// else, where net is null or fails, a unix pair.
// nonblocking: as the program's socket is.
// upstream_fd: of the connection that the program's stands before, whose local address it then
// gets where it can; -1: there is none. Errors: kIo.
Result<Redirected> redirect_stream(int socket, int family, const control::Endpoint& asked,
                                   bool nonblocking, int upstream_fd, PrivateNet* net);

// As redirect_stream, for a socket of which there is no copy: what takes its place has none of its
// options. protocol: of socket(2). Errors: kIo.
Result<Redirected> replace_stream(int protocol, int family, const control::Endpoint& asked,
                                  bool nonblocking, int upstream_fd, PrivateNet* net);

// Where a socket of which there is no copy can be led by another address in its call.
struct Lead {
  int listener_fd = -1;  // the caller's
  control::Endpoint at;  // on the loopback interface
};
// nullopt where there is no such interface.
std::optional<Lead> prepare_lead(int protocol, const control::Endpoint& asked);
// Our end of the socket's connection; -1 when it has not come by then. local_port: of the socket.
int accept_lead(const Lead& lead, const std::function<uint16_t()>& local_port, int patience_ms);

// The connection that a program asks for, made in its place.
struct Upstream {
  int fd = -1;    // the caller's
  int error = 0;  // of connect(2); there is no descriptor then
};

// socket: as in redirect_stream, or -1 where there is no copy of it and it is of our network. It is
// connected itself where it belongs to another network namespace than ours, and redirect_stream
// then finds something else for the program. go_on: asked every now and then, with the milliseconds
// that have passed, whether to wait on; when it says no, the connection is returned in the making.
Upstream connect_upstream(int socket, int family, const control::Endpoint& asked,
                          const std::function<bool(int)>& go_on);

// A datagram socket of net to put in a program's place. Errors: kIo.
Result<int> datagram_replacement(int socket, int family, bool nonblocking, PrivateNet& net);

}  // namespace recshim::supervisor
