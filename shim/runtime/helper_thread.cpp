// See helper_thread.h.
#include "shim/runtime/helper_thread.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"

namespace recshim::runtime {
namespace {

constexpr uint64_t kPollInterval_us = 1000;

struct Helper {
  ForkMutex mutex{LockRank::kHelperThread};
  bool running = false;            // under mutex
  std::atomic<uint32_t> wakes{0};  // changed under mutex, waited for without
};

Helper& helper() {
  return lasting<[] { return new Helper; }>();
}

// Until somebody has woken it since `seen`, or timeout_us have passed; may return sooner.
void sleep_unless_woken(uint32_t seen, uint64_t timeout_us) {
  const timespec timeout{static_cast<time_t>(timeout_us / 1'000'000),
                         static_cast<long>(timeout_us % 1'000'000 * 1000)};
  sys::call(SYS_futex, sys::arg(&helper().wakes), FUTEX_WAIT_PRIVATE, seen, sys::arg(&timeout));
}

// What one look at a socket found: when to look again (0: nothing to do for it).
uint64_t serve(Socket& socket) {
  if (socket.role != Role::kReplay || socket.ended) return 0;
  // What the parent of this process made is served there: here it may be lost over exec(2).
  if (socket.inherited) return 0;
  const int fd = fd_of(socket);
  int unread = 0;
  if (socket.in_kernel > 0 && fd >= 0 &&
      sys::call(SYS_ioctl, fd, FIONREAD, sys::arg(&unread)) == 0) {
    socket.in_kernel = std::min<uint64_t>(socket.in_kernel, static_cast<uint64_t>(unread));
  }
  replay_unseen_bytes(socket);
  pump(socket);
  if (socket.ended) return 0;
  const uint64_t due_us = next_due_us(socket);
  const uint64_t now_us = monotonic_us();
  if (due_us > now_us) return due_us;
  const bool raw = socket.past_hooks || (!socket.read_by_hook && !socket.tls);
  return raw && (socket.past_hooks || has_leftover(socket)) ? now_us + kPollInterval_us : 0;
}

void* run(void*) {
  const OwnWork work;
  for (;;) {
    const uint32_t seen = helper().wakes.load();
    uint64_t next_us = 0;
    for_each_socket([&](Socket& socket) {
      const uint64_t at_us = serve(socket);
      if (at_us != 0) next_us = next_us == 0 ? at_us : std::min(next_us, at_us);
    });
    if (next_us == 0) {
      const std::lock_guard lock(helper().mutex);
      if (helper().wakes.load() != seen) continue;
      helper().running = false;
      return nullptr;
    }
    const uint64_t now_us = monotonic_us();
    if (next_us > now_us) sleep_unless_woken(seen, next_us - now_us);
  }
}

}  // namespace

void wake_helper_thread() {
  const std::lock_guard lock(helper().mutex);
  helper().wakes.fetch_add(1);
  if (helper().running) {
    sys::call(SYS_futex, sys::arg(&helper().wakes), FUTEX_WAKE_PRIVATE, 1);
    return;
  }
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, run, nullptr);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    log::warn("helper thread: {}", sys::error_text(error));
    return;
  }
  helper().running = true;
}

void watch_shared_sockets() {
  if (!any_socket()) return;
  const OwnWork work;
  bool any = false;
  for_each_socket([&](Socket& socket) {
    if (socket.role != Role::kReplay || socket.ended) return;
    const int fd = fd_of(socket);
    if (fd < 0 || (real::fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) != 0) return;
    socket.past_hooks = true;
    any = true;
  });
  if (any) wake_helper_thread();
}

void forget_helper_thread() {
  helper().running = false;
}

}  // namespace recshim::runtime
