// Descriptors that come and go: close, dup, fcntl, shutdown, stdio over a socket, and
// syscall(2) where a program uses it in place of these.
#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <map>
#include <mutex>
#include <vector>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/log.h"
#include "shim/ops/libc.h"
#include "shim/ops/tls_taps.h"
#include "shim/ops/transfer.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/helper_thread.h"
#include "shim/runtime/runtime.h"

namespace recshim::ops {

using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Socket;

void forget_socket(int fd) {
  std::shared_ptr<runtime::TlsTap> tap;
  runtime::remove_socket(fd, [&](Socket& socket, int last_fd) {
    if (socket.role == Role::kRecord) runtime::record_client_end(socket, last_fd);
    runtime::replay_client_end(socket);
    tap = std::move(socket.tap);
  });
  if (!tap) return;
  // A TLS session has locks of its own: it is finished with no socket locked.
  drain_tap(tap.get(), fd);
  tap->on_close();
}

namespace {

// fd is about to be closed or replaced.
void release(int fd) {
  if (runtime::find_socket(fd) == nullptr || runtime::in_own_work()) return;
  const OwnWork work;
  if (runtime::in_vfork_child()) return;
  forget_socket(fd);
}

// to now leads where from leads.
void duplicated(int from, int to) {
  if (to < 0 || runtime::find_socket(from) == nullptr || runtime::in_own_work()) return;
  const OwnWork work;
  if (runtime::in_vfork_child()) return;
  runtime::duplicate_socket(from, to);
  if (to > STDERR_FILENO) return;
  // Standard streams are read and written by stdio, which does not pass the hooks.
  Socket* socket = runtime::find_socket(to);
  const LockedSocket locked(socket, to);
  if (!locked) return;
  locked->past_hooks = true;
  if (locked->role == Role::kReplay) runtime::wake_helper_thread();
  if (locked->role == Role::kRecord) {
    log::warn(
        "a recorded connection became standard stream {}; what stdio moves over it is not "
        "recorded",
        to);
  }
}

int close_range_directly(unsigned first, unsigned last, int flags) {
  if (real::close_range != nullptr) return real::close_range(first, last, flags);
  return static_cast<int>(real::syscall(SYS_close_range, first, last, flags, 0, 0, 0));
}

// As close_range(2), leaving our own descriptors open.
int close_range_around_ours(unsigned first, unsigned last, int flags) {
  std::vector<unsigned> own;
  for (const int fd : runtime::own_descriptors()) {
    const auto number = static_cast<unsigned>(fd);
    if (number >= first && number <= last) own.push_back(number);
  }
  std::sort(own.begin(), own.end());
  for (const unsigned fd : own) {
    if (fd > first && close_range_directly(first, fd - 1, flags) != 0) return -1;
    first = fd + 1;
  }
  return first <= last ? close_range_directly(first, last, flags) : 0;
}

// --- stdio over a socket: a FILE whose functions are our own ---------------------------

struct Streams {
  ForkMutex mutex{LockRank::kStreams};
  std::map<FILE*, int> fds;
};
std::atomic<int> stream_count{0};

Streams& streams() {
  return lasting<[] { return new Streams; }>();
}

struct Cookie {
  int fd = -1;
  FILE* file = nullptr;
};

ssize_t cookie_read(void* cookie, char* buffer, size_t size) {
  return read(static_cast<Cookie*>(cookie)->fd, buffer, size);
}

ssize_t cookie_write(void* cookie, const char* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = write(static_cast<Cookie*>(cookie)->fd, buffer + done, size - done);
    if (n <= 0) break;
    done += static_cast<size_t>(n);
  }
  return static_cast<ssize_t>(done);  // fopencookie(3): 0 means failure, never negative
}

int cookie_close(void* cookie) {
  auto* mine = static_cast<Cookie*>(cookie);
  const int fd = mine->fd;
  {
    const OwnWork work;
    const std::lock_guard lock(streams().mutex);
    streams().fds.erase(mine->file);
    stream_count.fetch_sub(1);
    delete mine;
  }
  return ops::close(fd);
}

int fd_of_stream(FILE* file) {
  if (stream_count.load(std::memory_order_relaxed) == 0 || runtime::in_own_work()) return -1;
  const OwnWork work;
  const std::lock_guard lock(streams().mutex);
  const auto found = streams().fds.find(file);
  return found == streams().fds.end() ? -1 : found->second;
}

// What could not be told meanwhile is told, if it is the old file again.
void stderr_replaced() {
  if (!log::has_kept() || runtime::in_own_work() || runtime::in_vfork_child()) return;
  const OwnWork work;
  log::tell_kept();
}

}  // namespace

int close(int fd) {
  // A program that closes every number it can have does not close what it did not open.
  if (runtime::is_own_fd(fd) && !runtime::in_own_work()) return fail(EBADF);
  release(fd);
  return real::close(fd);
}

int close_range(unsigned first, unsigned last, int flags) {
  if (runtime::in_own_work() || (flags & CLOSE_RANGE_CLOEXEC) != 0 || first > last) {
    return close_range_directly(first, last, flags);
  }
  if (runtime::runtime() == nullptr) return close_range_directly(first, last, flags);
  if (runtime::any_socket()) {
    const OwnWork work;
    for (const int fd : runtime::socket_descriptors()) {
      const auto number = static_cast<unsigned>(fd);
      if (number < first || number > last || runtime::in_vfork_child()) continue;
      forget_socket(fd);
    }
  }
  return close_range_around_ours(first, last, flags);
}

void closefrom(int first) {
  const auto from = static_cast<unsigned>(std::max(first, 0));
  if (close_range(from, UINT_MAX, 0) == 0) return;
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  for (rlim_t fd = from; fd < limit.rlim_cur && fd < INT_MAX; ++fd) {
    if (!runtime::is_own_fd(static_cast<int>(fd))) close(static_cast<int>(fd));
  }
}

int shutdown(int fd, int how) {
  Socket* socket = runtime::find_socket(fd);
  if (socket != nullptr && !runtime::in_own_work()) {
    const OwnWork work;
    const LockedSocket locked(socket, fd);
    if (locked && how != SHUT_WR && locked->role == Role::kRecord) {
      runtime::record_client_end(*locked, fd);
    }
    if (locked && how != SHUT_RD) locked->write_shut = true;
  }
  return real::shutdown(fd, how);
}

int dup(int fd) {
  const int made = real::dup(fd);
  duplicated(fd, made);
  return made;
}

int dup2(int from, int to) {
  if (from != to) release(to);
  const int made = real::dup2(from, to);
  if (from != to) duplicated(from, made);
  if (made == STDERR_FILENO) stderr_replaced();
  return made;
}

int dup3(int from, int to, int flags) {
  if (from != to) release(to);
  const int made = real::dup3(from, to, flags);
  duplicated(from, made);
  if (made == STDERR_FILENO) stderr_replaced();
  return made;
}

int fcntl(int fd, int command, long argument) {
  const int result = real::fcntl(fd, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) duplicated(fd, result);
  return result;
}

int fcntl64(int fd, int command, long argument) {
  auto* original = real::fcntl64 != nullptr ? real::fcntl64 : real::fcntl;
  const int result = original(fd, command, argument);
  if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) duplicated(fd, result);
  return result;
}

FILE* fdopen(int fd, const char* mode) {
  if (runtime::find_socket(fd) == nullptr || runtime::in_own_work()) return real::fdopen(fd, mode);
  // stdio calls libc's own read and write, past the hooks; a cookie stream calls ours.
  Cookie* cookie = nullptr;
  {
    const OwnWork work;
    cookie = new Cookie{fd, nullptr};
  }
  FILE* file = fopencookie(cookie, mode, {cookie_read, cookie_write, nullptr, cookie_close});
  const OwnWork work;
  if (file == nullptr) {
    delete cookie;
    return nullptr;
  }
  cookie->file = file;
  const std::lock_guard lock(streams().mutex);
  streams().fds[file] = fd;
  stream_count.fetch_add(1);
  return file;
}

int fileno(FILE* file) {
  const int fd = fd_of_stream(file);
  return fd >= 0 ? fd : real::fileno(file);
}

int fileno_unlocked(FILE* file) {
  const int fd = fd_of_stream(file);
  return fd >= 0 ? fd : real::fileno_unlocked(file);
}

long syscall(long number, long a, long b, long c, long d, long e, long f) {
  const int fd = static_cast<int>(a);
  auto pointer = [](long value) { return reinterpret_cast<void*>(value); };
  if (runtime::in_own_work()) return real::syscall(number, a, b, c, d, e, f);
  if (number == SYS_connect) {
    return ops::connect(fd, static_cast<sockaddr*>(pointer(b)), static_cast<socklen_t>(c));
  }
  if (number == SYS_close_range) {
    return ops::close_range(static_cast<unsigned>(a), static_cast<unsigned>(b),
                            static_cast<int>(c));
  }
  if (runtime::find_socket(fd) == nullptr) return real::syscall(number, a, b, c, d, e, f);
  switch (number) {
    case SYS_close:
      return ops::close(fd);
    case SYS_shutdown:
      return ops::shutdown(fd, static_cast<int>(b));
    case SYS_read:
      return ops::read(fd, pointer(b), static_cast<size_t>(c));
    case SYS_readv:
      return ops::readv(fd, static_cast<iovec*>(pointer(b)), static_cast<int>(c));
    case SYS_recvfrom:
      return ops::recvfrom(fd, pointer(b), static_cast<size_t>(c), static_cast<int>(d),
                           static_cast<sockaddr*>(pointer(e)), static_cast<socklen_t*>(pointer(f)));
    case SYS_recvmsg:
      return ops::recvmsg(fd, static_cast<msghdr*>(pointer(b)), static_cast<int>(c));
    case SYS_write:
      return ops::write(fd, pointer(b), static_cast<size_t>(c));
    case SYS_writev:
      return ops::writev(fd, static_cast<iovec*>(pointer(b)), static_cast<int>(c));
    case SYS_sendto:
      return ops::sendto(fd, pointer(b), static_cast<size_t>(c), static_cast<int>(d),
                         static_cast<sockaddr*>(pointer(e)), static_cast<socklen_t>(f));
    case SYS_sendmsg:
      return ops::sendmsg(fd, static_cast<msghdr*>(pointer(b)), static_cast<int>(c));
    case SYS_dup:
      return ops::dup(fd);
    case SYS_dup3:
      return ops::dup3(fd, static_cast<int>(b), static_cast<int>(c));
    case SYS_fcntl:
      return ops::fcntl(fd, static_cast<int>(b), c);
    default:
      return real::syscall(number, a, b, c, d, e, f);
  }
}

}  // namespace recshim::ops
