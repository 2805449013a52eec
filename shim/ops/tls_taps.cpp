// See tls_taps.h.
#include "shim/ops/tls_taps.h"

#include <sched.h>

#include <mutex>
#include <unordered_map>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"

namespace recshim::ops {
namespace {

struct Registry {
  ForkMutex mutex{LockRank::kTlsTapped};
  std::unordered_map<const runtime::TlsTap*, TappedSession*> sessions;
};

// Never destroyed: programs end sessions in their own destructors, after ours would run.
Registry& registry() {
  return lasting<[] { return new Registry; }>();
}

}  // namespace

void TappedSession::begin_call() {
  int calls = calls_.load(std::memory_order_relaxed);
  for (;;) {
    if (calls < 0) {
      sched_yield();
      calls = calls_.load(std::memory_order_relaxed);
    } else if (calls_.compare_exchange_weak(calls, calls + 1, std::memory_order_acquire)) {
      return;
    }
  }
}

bool TappedSession::try_begin_drain() {
  int idle = 0;
  return calls_.compare_exchange_strong(idle, -1, std::memory_order_acquire);
}

void register_tap(const runtime::TlsTap* tap, TappedSession* session) {
  std::lock_guard lock(registry().mutex);
  registry().sessions[tap] = session;
}

void unregister_tap(const runtime::TlsTap* tap, TappedSession* session) {
  {
    std::lock_guard lock(registry().mutex);
    auto found = registry().sessions.find(tap);
    if (found != registry().sessions.end() && found->second == session) {
      registry().sessions.erase(found);
    }
  }
  session->begin_call();
  session->end_call();
}

void TappedSession::forget_drain() {
  int draining = -1;
  calls_.compare_exchange_strong(draining, 0);
}

void drain_tap(const runtime::TlsTap* tap, int fd) {
  TappedSession* session = nullptr;
  {
    std::lock_guard lock(registry().mutex);
    auto found = registry().sessions.find(tap);
    // Busy: another thread is reading from it right now, and will see the end itself.
    if (found == registry().sessions.end() || !found->second->try_begin_drain()) return;
    session = found->second;
  }
  session->drain(fd);
  session->end_drain();
}

void forget_drains() {
  for (auto& [tap, session] : registry().sessions) session->forget_drain();
}

}  // namespace recshim::ops
