// Virtual TLS on GnuTLS: plaintext through the program's transport functions, or its
// socket, with the results GnuTLS documents. Does not decide whose a session is.
#pragma once

#include <cstddef>

#include "shim/ops/tls_gnutls_session.h"

namespace recshim::ops::gnutls {

// Threads (all): as GnuTLS asks for the session. They call the program's functions, so no
// own work may be going on. Results: bytes, 0 at the end, or a GnuTLS error code.
ssize_t virtual_receive(Session& session, void* buffer, size_t size);
// Takes all of it, or fails with kAgain or kInterrupted having kept it: the next call sends
// what was kept and returns its size, as gnutls_record_send(3) has it.
ssize_t virtual_send(Session& session, const void* data, size_t size);
void virtual_cork(Session& session);
// Sends what was corked; flags: GNUTLS_RECORD_WAIT (1) goes on after kAgain.
int virtual_uncork(Session& session, unsigned flags);

// Fails as a connection that was refused. error: kPushError or kPullError.
int refuse_io(int error);
// The synthetic certificate of the session's peer.
const Datum* virtual_peer(Session& session);

}  // namespace recshim::ops::gnutls
