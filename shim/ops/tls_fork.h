// fork(2) and the TLS operations. Knows neither library.
#pragma once

namespace recshim::ops {

// For pthread_atfork(3): the first in prepare (before the runtime's own locks, which taps
// take), the second in parent and child.
void lock_tls_for_fork();
void unlock_tls_after_fork(bool in_child);

}  // namespace recshim::ops
