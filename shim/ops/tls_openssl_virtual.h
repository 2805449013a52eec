// Virtual TLS on OpenSSL: plaintext through the program's own BIOs, with the results and
// errors that SSL_read(3) and its kin document. Does not decide whose a session is.
#pragma once

#include <cstddef>

#include "shim/ops/tls_openssl_session.h"

namespace recshim::ops::openssl {

// Threads (all): as OpenSSL asks for the SSL object. They call the program's BIO, so no own
// work may be going on. Errors are left in session.last_error; errno as the BIO left it.

// Bytes read (at most size), 0 at the transport's end, -1 on error. keep: peek.
ssize_t virtual_read(Session& session, void* buffer, size_t size, bool keep);
// Bytes taken: all of them, or some where SSL_MODE_ENABLE_PARTIAL_WRITE allows it; -1 on
// error, after which the program repeats the same write.
ssize_t virtual_write(Session& session, const void* buffer, size_t size);
// What can be read without touching the network.
size_t virtual_pending(const Session& session);
int virtual_shutdown(Session& session);

// Fails as a connection that was refused: -1 and ECONNREFUSED.
int refuse_io(Session& session);

// Gives the object an SSL_SESSION as a handshake leaves it: version, cipher, group and the
// synthetic certificate. From there libssl itself answers whoever asks for any of them, and its
// functions rely on there being one. REQUIRES: OwnWork.
void show_virtual(Session& session);
// The same of a handshake that failed before it had negotiated anything.
void show_refused(Session& session);
// The peer's chain, which is in no SSL_SESSION that can be made from outside; null if it can't be.
OpensslStack* virtual_chain(Session& session);

}  // namespace recshim::ops::openssl
