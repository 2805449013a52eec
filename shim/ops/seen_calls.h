// System calls of the program that the library has seen and lets the kernel make, marked for the
// supervisor (control/supervision.h) where there is one.
#pragma once

#include <sys/socket.h>

namespace recshim::ops {

// Call in the constructor.
void prepare_seen_calls();

// As libc's, cancellation points included.
int connect_seen(int fd, const sockaddr* address, socklen_t length);
ssize_t sendto_seen(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                    socklen_t length);
ssize_t sendmsg_seen(int fd, const msghdr* message, int flags);

}  // namespace recshim::ops
