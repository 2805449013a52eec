// The helper thread: only where inline replay can't do it. It serves programs that read or
// write past the hooks (raw system calls, stdio on a socket, a child that inherited the
// socket) and waits for recorded times (RECSHIM_PACE). Started when first needed, gone
// when nothing is left.
#pragma once

namespace recshim::runtime {

// Something may be left to move: starts or wakes the thread. REQUIRES: OwnWork; a socket
// may be locked.
void wake_helper_thread();
// After fork(2), in the parent: sockets that a child may have inherited over exec(2) are
// served even if this process does nothing more with them.
void watch_shared_sockets();
// After fork(2), in the child: there is no thread.
void forget_helper_thread();

}  // namespace recshim::runtime
