// The system calls this layer makes for itself. They go straight to the kernel: inside
// a host program the libc functions of these names may be our own hooks, and they are
// cancellation points, which would unwind through us. They are also what a sanitizer's
// runtime intercepts: it must see all calls on a descriptor or, as here, none. Owns no
// policy and no state.
//
// Each returns what the kernel returns: a result, or -errno. The thread's errno is
// never touched. Threads: any; also safe in signal handlers and in vfork children.
#pragma once

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace recshim::sys {

inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0,
                 long f = 0) {
#if defined(__x86_64__)
  long result = 0;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0"
               : "+r"(x0)
               : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
               : "memory");
  return x0;
#else
#error "recshim::sys knows the system call instruction of x86-64 and AArch64 only"
#endif
}

template <typename T>
long arg(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

// Repeats f while a signal interrupts it.
template <typename F>
long retry(F f) {
  long result = 0;
  do {
    result = f();
  } while (result == -EINTR);
  return result;
}

inline int open(const char* path, int flags, mode_t mode = 0) {
  return static_cast<int>(
      retry([&] { return call(SYS_openat, AT_FDCWD, arg(path), flags | O_CLOEXEC, mode); }));
}
// Never repeated: Linux has released the descriptor even when it says EINTR.
inline int close(int fd) {
  return static_cast<int>(call(SYS_close, fd));
}
inline ssize_t read(int fd, void* out, size_t n) {
  return retry([&] { return call(SYS_read, fd, arg(out), static_cast<long>(n)); });
}
// A write beyond the limit of a file's size (RLIMIT_FSIZE) also raises SIGXFSZ in its thread, which
// kills a program that does not expect it: takes the signal back. It is pending, since signals are
// blocked in recshim's own work.
inline long without_size_signal(long result) {
  if (result == -EFBIG) {
    const uint64_t set = uint64_t{1} << (SIGXFSZ - 1);
    const struct { long seconds, nanoseconds; } at_once{};
    call(SYS_rt_sigtimedwait, arg(&set), 0, arg(&at_once), sizeof set);
  }
  return result;
}
inline ssize_t write(int fd, const void* data, size_t n) {
  return without_size_signal(
      retry([&] { return call(SYS_write, fd, arg(data), static_cast<long>(n)); }));
}
inline ssize_t pread(int fd, void* out, size_t n, off_t offset) {
  return retry([&] { return call(SYS_pread64, fd, arg(out), static_cast<long>(n), offset); });
}
inline ssize_t pwrite(int fd, const void* data, size_t n, off_t offset) {
  return without_size_signal(
      retry([&] { return call(SYS_pwrite64, fd, arg(data), static_cast<long>(n), offset); }));
}
inline ssize_t send(int fd, const void* data, size_t n, int flags) {
  return call(SYS_sendto, fd, arg(data), static_cast<long>(n), flags);
}
inline ssize_t recv(int fd, void* out, size_t n, int flags) {
  return call(SYS_recvfrom, fd, arg(out), static_cast<long>(n), flags);
}
template <typename T>
int setsockopt(int fd, int level, int name, const T& value) {
  return static_cast<int>(call(SYS_setsockopt, fd, level, name, arg(&value), sizeof value));
}
inline int flock(int fd, int operation) {
  return static_cast<int>(retry([&] { return call(SYS_flock, fd, operation); }));
}
// As strerror(3), never translated: that would take locks of libc's.
inline const char* error_text(int error) {
#if __GLIBC_PREREQ(2, 32)
  const char* text = strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
#else
  return strerror(error);
#endif
}
inline pid_t getpid() {
  return static_cast<pid_t>(call(SYS_getpid));
}

// Whether the n bytes at `from` can be read. Asks the kernel to change the signal mask in a way
// that there is not: it reads the 8 bytes of a mask first (EFAULT), and changes nothing (EINVAL).
// n: at most 4096, the smallest page.
inline bool is_readable(const void* from, size_t n) {
  constexpr uintptr_t kSetBytes = 8;
  const auto first = reinterpret_cast<uintptr_t>(from);
  const auto may_read = [](uintptr_t byte) {
    const auto set = static_cast<long>(byte & ~(kSetBytes - 1));
    return call(SYS_rt_sigprocmask, -1, set, 0, kSetBytes) != -EFAULT;
  };
  const uintptr_t last = first + std::max<size_t>(n, 1) - 1;
  return last >= first &&
         (n == 0 || (may_read(first) && (first / 4096 == last / 4096 || may_read(last))));
}

// Where descriptors that outlive a call are kept, out of the host program's way: many
// programs count on getting the lowest free number.
inline constexpr int kHighFd = 500;

// Moves fd to kHighFd or above and returns its new number; fd itself where the limit
// of open files is lower than that.
inline int move_high(int fd) {
  const int high = static_cast<int>(call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, kHighFd));
  if (high < 0) return fd;
  sys::close(fd);
  return high;
}

}  // namespace recshim::sys
