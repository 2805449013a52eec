// Makes a supervised program's socket lead to us instead of where it asked.
#pragma once

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
// nonblocking: as the program's socket is. Errors: kIo.
Result<Redirected> redirect_stream(int socket, int family, const control::Endpoint& asked,
                                   bool nonblocking, PrivateNet* net);

// A datagram socket of net to put in a program's place. Errors: kIo.
Result<int> datagram_replacement(int socket, int family, bool nonblocking, PrivateNet& net);

}  // namespace recshim::supervisor
