// See tls_fork.h.
#include "shim/ops/tls_fork.h"

#include "shim/ops/tls_gnutls_session.h"
#include "shim/ops/tls_taps.h"

namespace recshim::ops {

void lock_tls_for_fork() {
  gnutls::lock_sessions_for_fork();
  lock_taps_for_fork();
}

void unlock_tls_after_fork(bool in_child) {
  unlock_taps_after_fork(in_child);
  gnutls::unlock_sessions_after_fork();
}

}  // namespace recshim::ops
