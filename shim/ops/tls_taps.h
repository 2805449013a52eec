// The TLS sessions that are being recorded, by their tap: so that what has arrived but was
// not read can be drained when the program closes the socket under one, or ends. Knows no
// TLS library.
#pragma once

#include <atomic>

#include "shim/runtime/tls_gate.h"

namespace recshim::ops {

// One tapped session. Draining and the program's own calls exclude each other; the program
// never waits for anything but a drain, and a drain never waits.
class TappedSession {
 public:
  // Reads what has arrived without blocking and tells the tap. fd: where the records come
  // from, -1 if only what the session already holds can be read.
  // REQUIRES: OwnWork, try_begin_drain().
  virtual void drain(int fd) = 0;

  // Brackets a real call of the program on this session. Plain counts, no destructor: when
  // a signal handler jumps out of the call the session is only not drained any more.
  void begin_call();
  void end_call() { calls_.fetch_sub(1, std::memory_order_release); }
  bool try_begin_drain();
  void end_drain() { calls_.store(0, std::memory_order_release); }
  // In a forked child: the thread that drained is not there.
  void forget_drain();

 protected:
  ~TappedSession() = default;

 private:
  std::atomic<int> calls_{0};  // -1: being drained
};

// REQUIRES (all): OwnWork.
void register_tap(const runtime::TlsTap* tap, TappedSession* session);
// Returns when no drain_tap() works on the session any more.
void unregister_tap(const runtime::TlsTap* tap, TappedSession* session);

// For close(2) of the socket under a tapped session, before the real close and before the
// tap's on_close(): drains it if the tap wants that. A tap without a session: nothing.
void drain_tap(const runtime::TlsTap* tap, int fd);

// In a forked child, where no other thread is yet (runtime::in_forked_children).
void forget_drains();

}  // namespace recshim::ops
