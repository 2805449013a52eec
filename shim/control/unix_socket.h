// Unix stream sockets between the processes of a session, with descriptors passed along.
// Straight to the kernel (base/sys.h), so that it works under our own hooks. Knows nothing
// of what is said over them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"

namespace recshim::control {

// Sockets made here are close-on-exec and numbered high (sys::move_high). A send or receive
// on a connected one gives up after timeout_ms, 0 for never.
// Paths longer than sun_path are reached through their folder.
// Errors, here and below: kNotFound when nobody listens there, or has ended meanwhile; kIo.
Result<int> connect_unix(const std::string& path, int timeout_ms);
// Removes what is at path and listens there; the socket is the user's own (0600).
Result<int> listen_unix(const std::string& path);

// All of bytes, the descriptors with the first of them. No SIGPIPE.
Status send_with_descriptors(int fd, std::string_view bytes, const std::vector<int>& descriptors);
Status send_all(int fd, std::string_view bytes);

// Exactly n bytes. Descriptors that come with them are appended, close-on-exec, and are the
// caller's, also when it fails. An early end is kNotFound too.
Result<std::string> receive_exactly(int fd, size_t n, std::vector<int>& descriptors);
// Up to out_capacity bytes; 0 at the end.
Result<size_t> receive_some(int fd, char* out, size_t out_capacity);

}  // namespace recshim::control
