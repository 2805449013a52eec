// What reading and writing share: the step before and after the real call.
#pragma once

#include <sys/uio.h>

#include <optional>
#include <string_view>

#include "shim/runtime/names.h"
#include "shim/runtime/sockets.h"

namespace recshim::ops {

// A UDP packet or connect(2) to this endpoint must fail so that the program falls back to
// TCP (QUIC to a configured host, in replay).
bool refuse_datagram(const runtime::Endpoint& asked);

// A UDP packet or connect(2) to this endpoint may be a question to a nameserver that is to be
// answered here.
bool is_lookup(const runtime::Endpoint& asked);

// The endpoint that a program's sockaddr names; none where it is of another family, too short, or
// can't be read: that is the kernel's to say (EFAULT).
std::optional<runtime::Endpoint> endpoint_asked(const void* address, socklen_t length);

// The kernel's socket under fd is connected or about to be.
bool is_connected_or_connecting(int fd);

// Undoes our end of a socket and connects it to destination, sending `unsent` first; blocks
// and is a cancellation point.
bool reconnect_for_real(int fd, const runtime::Endpoint& destination, int family,
                        std::string_view unsent);

// A recorded connection whose TLS nobody here can read: it is undone, and connected to the
// gateway instead, which gets `unsent` first and records. Returns 0 or the errno that the
// connection failed with. REQUIRES: no socket locked, nothing sent over fd so far.
int hand_over_recorded(int fd, std::string_view unsent);

// fd leads to nothing of ours any more; what it led to is finished if it was the last.
// REQUIRES: OwnWork, no socket locked; fd not closed yet.
void forget_socket(int fd);

}  // namespace recshim::ops
