// Lookups that a program makes past getaddrinfo(3), by DNS messages of its own over UDP, as
// c-ares and dnspython do. Questions about names that libc's lookups are answered for are
// answered here, over a unix pair that stands in the place of the program's socket; for any
// other question its socket takes its place back.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include "shim/runtime/names.h"

namespace recshim::ops {

// connect(2) of a UDP socket of `family` to the nameserver `server`, which is `address`. Where
// that can't be reached, the program's questions still are.
int connect_lookup(int fd, int family, const runtime::Endpoint& server, const sockaddr* address,
                   socklen_t length);

// True when the datagram was a question that has been answered; false: it is to be sent. server:
// where it is sent to, null for where fd is connected.
bool answer_lookup(int fd, const runtime::Endpoint* server, const iovec* vector, int count);

// The program's own socket has its number again. Nothing where that is so.
void end_lookup(int fd);

// What has been read from fd came from the nameserver that was asked: puts its address where
// the kernel put a unix pair's. room: of address, as the program gave it.
void name_source(int fd, sockaddr* address, socklen_t room, socklen_t* length);

}  // namespace recshim::ops
