// See seen_calls.h.
#include "shim/ops/seen_calls.h"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "shim/base/sys.h"
#include "shim/control/names.h"
#include "shim/control/supervision.h"
#include "shim/runtime/real.h"

namespace recshim::ops {
namespace {

std::atomic<bool> marks{false};

// Another preloaded library's connect does something of its own, and is not to be passed by.
bool is_libc(void* function) {
  Dl_info info{};
  if (dladdr(function, &info) == 0 || info.dli_fname == nullptr) return false;
  const std::string_view path = info.dli_fname;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libc.so") || name.starts_with("libc-") || name.starts_with("libpthread");
}

long marked(long value) {
  return static_cast<long>(uint64_t{control::kSeenByLibrary} << 32 | static_cast<uint32_t>(value));
}

// A thread that waits in the call can be cancelled, as in libc's.
template <typename Call>
long cancellable(Call call) {
  int type = PTHREAD_CANCEL_DEFERRED;
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
  const long result = call();
  pthread_setcanceltype(type, nullptr);
  if (result >= 0) return result;
  errno = static_cast<int>(-result);
  return -1;
}

}  // namespace

void prepare_seen_calls() {
  // Empty where this run has none: it may be inside another that has.
  marks = std::getenv(control::kSupervisorVariable) != nullptr &&
          is_libc(reinterpret_cast<void*>(real::connect));
}

int connect_seen(int fd, const sockaddr* address, socklen_t length) {
  if (!marks.load(std::memory_order_relaxed)) return real::connect(fd, address, length);
  return static_cast<int>(
      cancellable([&] { return sys::call(SYS_connect, fd, sys::arg(address), marked(length)); }));
}

ssize_t sendto_seen(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
                    socklen_t length) {
  // The supervisor is not asked about others.
  if (address == nullptr || !marks.load(std::memory_order_relaxed)) {
    return real::sendto(fd, buffer, size, flags, address, length);
  }
  return cancellable([&] {
    return sys::call(SYS_sendto, fd, sys::arg(buffer), static_cast<long>(size), flags,
                     sys::arg(address), marked(length));
  });
}

ssize_t sendmsg_seen(int fd, const msghdr* message, int flags) {
  if (!marks.load(std::memory_order_relaxed)) return real::sendmsg(fd, message, flags);
  return cancellable([&] { return sys::call(SYS_sendmsg, fd, sys::arg(message), marked(flags)); });
}

}  // namespace recshim::ops
