// Reading from sockets: the real call moves the bytes, then the flow core is told (record)
// or gives more (replay). Every form of read comes down to `read_through`.
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "shim/base/sys.h"
#include "shim/ops/libc.h"
#include "shim/ops/lookup_socket.h"
#include "shim/ops/transfer.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/tls_io.h"

namespace recshim::ops {

using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Socket;

namespace {

struct BeforeRead {
  int error = 0;  // the read fails
  Role role = Role::kFree;
};

BeforeRead before_read(Socket* socket, int fd) {
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  if (!locked) return {};
  if (locked->role == Role::kRefused) return {locked->failure_errno};
  if (locked->role == Role::kReplay && locked->in_kernel > 0) {
    // Bytes that were read past the hooks are seen only by what is no longer there.
    int unread = 0;
    if (sys::call(SYS_ioctl, fd, FIONREAD, sys::arg(&unread)) == 0 &&
        static_cast<uint64_t>(unread) < locked->in_kernel) {
      runtime::replay_bytes_read(*locked, locked->in_kernel - static_cast<uint64_t>(unread));
    }
  }
  if (locked->role == Role::kReplay && locked->in_kernel == 0) {
    runtime::replay_unseen_bytes(*locked);
  }
  return {0, locked->role};
}

// While the real call was under way another thread's write had the connection handed over:
// what ended was the real server's, not the program's.
bool was_handed_over(Socket* socket, int fd, Role before) {
  if (before != Role::kRecord && before != Role::kWatched) return false;
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  return locked && locked->role == Role::kHandedOver;
}

// n: what the real call returned, `error` its errno. wanted: what it was asked for.
void after_read(Socket* socket, int fd, const iovec* vector, int count, ssize_t n, int error) {
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  if (!locked) return;
  if (locked->role == Role::kReplay) {
    if (n > 0) runtime::replay_bytes_read(*locked, static_cast<uint64_t>(n));
    return;
  }
  if (locked->role != Role::kRecord) return;
  if (n == 0) return runtime::record_server_end(*locked, flow::End::kEof);
  if (n < 0) {
    if (error == ECONNRESET) runtime::record_server_end(*locked, flow::End::kReset);
    return;
  }
  size_t left = static_cast<size_t>(n);
  for (int i = 0; i < count && left > 0; ++i) {
    const size_t part = std::min(left, vector[i].iov_len);
    runtime::record_server_bytes(*locked, {static_cast<const char*>(vector[i].iov_base), part});
    left -= part;
  }
}

template <typename RealCall>
ssize_t read_through(int fd, const iovec* vector, int count, int flags, const RealCall& call) {
  if (runtime::note_probe(fd)) return fail(EAGAIN);
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr || runtime::in_own_work()) return call();
  const BeforeRead before = before_read(socket, fd);
  if (before.error != 0) return fail(before.error);
  ssize_t n = call();
  const bool over = n == 0 || (n < 0 && (errno == ECONNRESET || errno == ENOTCONN));
  if (over && was_handed_over(socket, fd, before.role)) n = call();
  const bool asked_for_bytes = count > 0 && (count > 1 || vector[0].iov_len > 0);
  if ((flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)) == 0 && (n != 0 || asked_for_bytes)) {
    after_read(socket, fd, vector, count, n, n < 0 ? errno : 0);
  }
  return n;
}

// Replay gives the reply piece by piece, so MSG_WAITALL, which the kernel would hold back
// until all pieces are there, is met by reading until it is.
template <typename ReceiveSome>
ssize_t receive_all(size_t size, const ReceiveSome& receive) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = receive(done);
    if (n <= 0) return done > 0 ? static_cast<ssize_t>(done) : n;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);
}

bool waits_for_all(int fd, int flags) {
  return (flags & MSG_WAITALL) != 0 && (flags & MSG_PEEK) == 0 && !runtime::in_own_work() &&
         runtime::find_socket(fd) != nullptr;
}

// A read that tells where it came from: address and length are what receive() fills in.
template <typename Receive>
ssize_t from_source(int fd, sockaddr* address, socklen_t* length, const Receive& receive) {
  const socklen_t room = address != nullptr && length != nullptr ? *length : 0;
  const ssize_t n = receive();
  if (n >= 0 && room > 0 && !runtime::in_own_work()) name_source(fd, address, room, length);
  return n;
}

}  // namespace

ssize_t read(int fd, void* buffer, size_t size) {
  const iovec one{buffer, size};
  return read_through(fd, &one, 1, 0, [&] { return real::read(fd, buffer, size); });
}

ssize_t readv(int fd, const iovec* vector, int count) {
  return read_through(fd, vector, count, 0, [&] { return real::readv(fd, vector, count); });
}

ssize_t recv(int fd, void* buffer, size_t size, int flags) {
  if (waits_for_all(fd, flags)) {
    return receive_all(size, [&](size_t done) {
      return recv(fd, static_cast<char*>(buffer) + done, size - done, flags & ~MSG_WAITALL);
    });
  }
  const iovec one{buffer, size};
  return read_through(fd, &one, 1, flags, [&] { return real::recv(fd, buffer, size, flags); });
}

ssize_t recvfrom(int fd, void* buffer, size_t size, int flags, sockaddr* address,
                 socklen_t* length) {
  if (waits_for_all(fd, flags)) {
    return receive_all(size, [&](size_t done) {
      return ops::recvfrom(fd, static_cast<char*>(buffer) + done, size - done, flags & ~MSG_WAITALL,
                           address, length);
    });
  }
  const iovec one{buffer, size};
  return from_source(fd, address, length, [&] {
    return read_through(fd, &one, 1, flags,
                        [&] { return real::recvfrom(fd, buffer, size, flags, address, length); });
  });
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  if (message == nullptr) return real::recvmsg(fd, message, flags);
  auto* const source = static_cast<sockaddr*>(message->msg_name);
  return from_source(fd, source, &message->msg_namelen, [&] {
    return read_through(fd, message->msg_iov, static_cast<int>(message->msg_iovlen), flags,
                        [&] { return real::recvmsg(fd, message, flags); });
  });
}

int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
  if (runtime::find_socket(fd) == nullptr || runtime::in_own_work() || count == 0) {
    return real::recvmmsg(fd, messages, count, flags, timeout);
  }
  // On a stream each message takes what is there; the first waits, the rest must not.
  unsigned done = 0;
  for (; done < count; ++done) {
    const int more = done > 0 ? MSG_DONTWAIT : 0;
    const ssize_t n = ops::recvmsg(fd, &messages[done].msg_hdr, (flags & ~MSG_WAITFORONE) | more);
    if (n < 0) break;
    messages[done].msg_len = static_cast<unsigned>(n);
    if (n == 0) {
      ++done;
      break;
    }
  }
  return done > 0 ? static_cast<int>(done) : -1;
}

ssize_t __read_chk(int fd, void* buffer, size_t size, size_t buffer_size) {
  const iovec one{buffer, size};
  return read_through(fd, &one, 1, 0,
                      [&] { return real::__read_chk(fd, buffer, size, buffer_size); });
}

ssize_t __recv_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags) {
  const iovec one{buffer, size};
  return read_through(fd, &one, 1, flags,
                      [&] { return real::__recv_chk(fd, buffer, size, buffer_size, flags); });
}

ssize_t __recvfrom_chk(int fd, void* buffer, size_t size, size_t buffer_size, int flags,
                       sockaddr* address, socklen_t* length) {
  const iovec one{buffer, size};
  return from_source(fd, address, length, [&] {
    return read_through(fd, &one, 1, flags, [&] {
      return real::__recvfrom_chk(fd, buffer, size, buffer_size, flags, address, length);
    });
  });
}

}  // namespace recshim::ops
