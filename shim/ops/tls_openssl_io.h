// Handshake, read and write of any session, whichever way the program reaches them: the
// SSL_* functions (tls_openssl_io.cpp) and BIO_f_ssl (tls_openssl_bio.cpp).
#pragma once

#include <cstddef>

#include "shim/ops/tls_openssl_session.h"

namespace recshim::ops::openssl {

// Around a real call on a tapped session: what it writes to sockets are TLS records.
void begin_real(Session& session);
void end_real(Session& session);

// After a real call on a tapped session, still between begin and end. Keep errno and the
// error queue. bytes: what the program got or gave, n of them; result: what the call gave.
void after_handshake(Session& session);
void after_read(Session& session, const void* bytes, size_t n, int result);
void after_write(Session& session, const void* bytes, size_t n);

}  // namespace recshim::ops::openssl
