// Connections over execve(2): the program's socket stays open in the new image, so our end of
// a replayed one must too, and the library there must know what it is. A recorded exchange
// does not span the exec: one that is under way is not recorded.
#pragma once

namespace recshim::runtime {

// Right before execve(2): what is still to be said goes into the kernel's buffers, our ends
// of sockets that the new program inherits stay open, and what they are is written to
// `<session_dir>/exec-<pid>`. Does nothing in a child of vfork(2).
void hand_over_sockets();
// execve(2) failed: everything as before.
void take_back_sockets();
// In the new program, as it starts: serves what was handed over. REQUIRES: OwnWork.
void adopt_sockets();

}  // namespace recshim::runtime
