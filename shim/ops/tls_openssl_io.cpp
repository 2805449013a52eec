// OpenSSL operations that handshake and move data. See tls_openssl.h, tls_openssl_io.h.
#include "shim/ops/tls_openssl_io.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "shim/base/log.h"
#include "shim/ops/tls_openssl.h"
#include "shim/ops/tls_openssl_virtual.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::openssl {
namespace {

// Tells the tap that the session's incoming side is over. REQUIRES: OwnWork.
void tell_end(Session& session, int result, int error) {
  if (session.end_told || session.tap == nullptr) return;
  const OpensslApi& api = session.library->api;
  const int ssl_error = api.SSL_get_error(session.ssl, result);
  flow::End end = flow::End::kReset;
  if (ssl_error == kErrorZeroReturn) {
    end = flow::End::kEof;
  } else if (ssl_error == kErrorSyscall) {
    if (error != ECONNRESET) end = flow::End::kRagged;  // 1.1.1, and BIOs that know no EOF
  } else if (ssl_error == kErrorSsl) {
    constexpr unsigned long kReasonMask = 0x7fffff;  // 3.x; in 1.1.1 the low 12 bits
    if ((api.ERR_peek_error() & kReasonMask) == kUnexpectedEof) end = flow::End::kRagged;
  } else {
    return;  // it wants to be called again
  }
  session.end_told = true;
  session.tap->on_read_end(end);
}

// REQUIRES: OwnWork.
void after_step(Session& session) {
  const OpensslApi& api = session.library->api;
  if (!session.hello_noted && session.fd < 0 && api.SSL_get_client_random != nullptr) {
    unsigned char random[32] = {};
    if (api.SSL_get_client_random(session.ssl, random, sizeof random) == sizeof random) {
      session.hello_noted = true;
      runtime::note_client_hello(random, session.tap.get());
    }
  }
}

// A handshake that is not real; the connection's own result where it waits for its socket.
int other_handshake(const Target& target) {
  switch (target.mode) {
    case Mode::kVirtual:
      target.session->last_error = kErrorNone;
      return 1;
    case Mode::kRefused:
      return refuse_io(*target.session);
    default:
      return -1;  // kUndecided: last_error says what it waits for
  }
}

template <typename Function>
int handshake(const Target& target, Function original, SSL* ssl) {
  if (original == nullptr) return -1;
  if (target.session == nullptr) return original(ssl);
  if (target.mode != Mode::kTap) return other_handshake(target);
  begin_real(*target.session);
  const int result = original(ssl);
  after_handshake(*target.session);
  end_real(*target.session);
  return result;
}

// Reads on a session that is ours but not real: bytes, 0 or -1.
ssize_t other_read(const Target& target, void* buffer, size_t size, bool keep) {
  if (target.mode == Mode::kVirtual) return virtual_read(*target.session, buffer, size, keep);
  return other_handshake(target);
}

ssize_t other_write(const Target& target, const void* buffer, size_t size) {
  if (target.mode == Mode::kVirtual) return virtual_write(*target.session, buffer, size);
  return other_handshake(target);
}

// The _ex functions: 1 and *done, or 0.
int as_ex(ssize_t n, size_t* done) {
  *done = n > 0 ? static_cast<size_t>(n) : 0;
  return n > 0 ? 1 : 0;
}

bool has_drained(const Target& target) {
  return target.mode == Mode::kTap && target.session->pushed_back() > 0;
}

}  // namespace

void begin_real(Session& session) {
  session.begin_call();
  runtime::enter_tls_io();
}

void end_real(Session& session) {
  runtime::leave_tls_io();
  session.end_call();
}

void after_handshake(Session& session) {
  runtime::OwnWork own;
  after_step(session);
}

void after_read(Session& session, const void* bytes, size_t n, int result) {
  const int error = errno;
  runtime::OwnWork own;
  after_step(session);
  if (session.tap == nullptr) return;
  if (n > 0) {
    session.tap->on_read(bytes, n);
  } else {
    tell_end(session, result, error);
  }
}

void after_write(Session& session, const void* bytes, size_t n) {
  runtime::OwnWork own;
  after_step(session);
  if (n > 0 && session.tap != nullptr) session.tap->on_written(bytes, n);
}

int SSL_connect(const void* caller, SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kConnect);
  return target.api == nullptr ? -1 : handshake(target, target.api->SSL_connect, ssl);
}

// Of an object that has shaken hands it is the same as SSL_do_handshake. A server's is never ours.
int SSL_accept(const void* caller, SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr || target.api->SSL_accept == nullptr) return -1;
  const bool real = target.session == nullptr || target.mode == Mode::kTap;
  return real ? target.api->SSL_accept(ssl) : other_handshake(target);
}

int SSL_do_handshake(const void* caller, SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  return target.api == nullptr ? -1 : handshake(target, target.api->SSL_do_handshake, ssl);
}

int SSL_read(const void* caller, SSL* ssl, void* buffer, int size) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr) return -1;
  if (target.session == nullptr || size < 0) return target.api->SSL_read(ssl, buffer, size);
  if (target.mode != Mode::kTap) {
    return static_cast<int>(other_read(target, buffer, static_cast<size_t>(size), false));
  }
  if (has_drained(target)) {
    return static_cast<int>(
        target.session->take_pushback(buffer, static_cast<size_t>(size), false));
  }
  begin_real(*target.session);
  const int n = target.api->SSL_read(ssl, buffer, size);
  after_read(*target.session, buffer, n > 0 ? static_cast<size_t>(n) : 0, n);
  end_real(*target.session);
  return n;
}

int SSL_read_ex(const void* caller, SSL* ssl, void* buffer, size_t size, size_t* done) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr || target.api->SSL_read_ex == nullptr) return 0;
  if (target.session == nullptr) return target.api->SSL_read_ex(ssl, buffer, size, done);
  if (target.mode != Mode::kTap) return as_ex(other_read(target, buffer, size, false), done);
  if (has_drained(target)) {
    return as_ex(static_cast<ssize_t>(target.session->take_pushback(buffer, size, false)), done);
  }
  begin_real(*target.session);
  const int ok = target.api->SSL_read_ex(ssl, buffer, size, done);
  after_read(*target.session, buffer, ok == 1 ? *done : 0, ok);
  end_real(*target.session);
  return ok;
}

int SSL_peek(const void* caller, SSL* ssl, void* buffer, int size) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr) return -1;
  if (target.session == nullptr || size < 0) return target.api->SSL_peek(ssl, buffer, size);
  if (target.mode != Mode::kTap) {
    return static_cast<int>(other_read(target, buffer, static_cast<size_t>(size), true));
  }
  if (has_drained(target)) {
    return static_cast<int>(target.session->take_pushback(buffer, static_cast<size_t>(size), true));
  }
  begin_real(*target.session);
  const int n = target.api->SSL_peek(ssl, buffer, size);
  after_handshake(*target.session);
  end_real(*target.session);
  return n;
}

int SSL_peek_ex(const void* caller, SSL* ssl, void* buffer, size_t size, size_t* done) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr || target.api->SSL_peek_ex == nullptr) return 0;
  if (target.session == nullptr) return target.api->SSL_peek_ex(ssl, buffer, size, done);
  if (target.mode != Mode::kTap) return as_ex(other_read(target, buffer, size, true), done);
  if (has_drained(target)) {
    return as_ex(static_cast<ssize_t>(target.session->take_pushback(buffer, size, true)), done);
  }
  begin_real(*target.session);
  const int ok = target.api->SSL_peek_ex(ssl, buffer, size, done);
  after_handshake(*target.session);
  end_real(*target.session);
  return ok;
}

int SSL_write(const void* caller, SSL* ssl, const void* buffer, int size) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr) return -1;
  if (target.session == nullptr || size < 0) return target.api->SSL_write(ssl, buffer, size);
  if (target.mode != Mode::kTap) {
    return static_cast<int>(other_write(target, buffer, static_cast<size_t>(size)));
  }
  begin_real(*target.session);
  const int n = target.api->SSL_write(ssl, buffer, size);
  after_write(*target.session, buffer, n > 0 ? static_cast<size_t>(n) : 0);
  end_real(*target.session);
  return n;
}

namespace {

// SSL_write_ex and SSL_write_ex2, whose originals differ by an argument.
template <typename Call>
int write_ex(const Target& target, const void* buffer, size_t size, size_t* done, Call original) {
  if (target.session == nullptr) return original();
  if (target.mode != Mode::kTap) {
    const ssize_t n = other_write(target, buffer, size);
    // Writing nothing succeeds here, unlike in SSL_write(3).
    return n == 0 && size == 0 ? (*done = 0, 1) : as_ex(n, done);
  }
  begin_real(*target.session);
  const int ok = original();
  after_write(*target.session, buffer, ok == 1 ? *done : 0);
  end_real(*target.session);
  return ok;
}

}  // namespace

int SSL_write_ex(const void* caller, SSL* ssl, const void* buffer, size_t size, size_t* done) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr || target.api->SSL_write_ex == nullptr) return 0;
  return write_ex(target, buffer, size, done,
                  [&] { return target.api->SSL_write_ex(ssl, buffer, size, done); });
}

int SSL_write_ex2(const void* caller, SSL* ssl, const void* buffer, size_t size, uint64_t flags,
                  size_t* done) {
  const Target target = find_session(caller, ssl, Entry::kImplied);
  if (target.api == nullptr || target.api->SSL_write_ex2 == nullptr) return 0;
  return write_ex(target, buffer, size, done,
                  [&] { return target.api->SSL_write_ex2(ssl, buffer, size, flags, done); });
}

ssize_t SSL_sendfile(const void* caller, SSL* ssl, int fd, off_t offset, size_t size, int flags) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr || target.api->SSL_sendfile == nullptr) return -1;
  // Only with kernel TLS, which a virtual session never has: the original says so.
  if (target.mode != Mode::kTap) return target.api->SSL_sendfile(ssl, fd, offset, size, flags);
  begin_real(*target.session);
  const ssize_t sent = target.api->SSL_sendfile(ssl, fd, offset, size, flags);
  for (ssize_t told = 0; told < sent;) {
    char piece[4096];
    runtime::OwnWork own;
    const ssize_t n = pread(fd, piece, std::min<size_t>(sizeof piece, sent - told), offset + told);
    if (n <= 0 || target.session->tap == nullptr) break;
    target.session->tap->on_written(piece, static_cast<size_t>(n));
    told += n;
  }
  end_real(*target.session);
  return sent;
}

int SSL_get_error(const void* caller, const SSL* ssl, int result) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return kErrorSyscall;
  if (target.session == nullptr || target.mode == Mode::kTap) {
    return target.api->SSL_get_error(ssl, result);
  }
  if (result > 0) return kErrorNone;
  // As after SSL_write of nothing: no success, and no other error to name.
  const int error = target.session->last_error;
  return error != kErrorNone ? error : kErrorSyscall;
}

int SSL_want(const void* caller, const SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return kNothing;
  if (target.session == nullptr || target.mode == Mode::kTap) return target.api->SSL_want(ssl);
  switch (target.session->last_error) {
    case kErrorWantRead:
      return kReading;
    case kErrorWantWrite:
      return kWriting;
    default:
      return kNothing;
  }
}

int SSL_pending(const void* caller, const SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return 0;
  if (target.mode == Mode::kVirtual) {
    return static_cast<int>(std::min<size_t>(virtual_pending(*target.session), INT_MAX));
  }
  if (has_drained(target)) {
    return static_cast<int>(std::min<size_t>(target.session->pushed_back(), INT_MAX));
  }
  return target.api->SSL_pending(ssl);
}

int SSL_has_pending(const void* caller, const SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr || target.api->SSL_has_pending == nullptr) return 0;
  if (target.mode == Mode::kVirtual) return virtual_pending(*target.session) > 0 ? 1 : 0;
  return has_drained(target) ? 1 : target.api->SSL_has_pending(ssl);
}

}  // namespace recshim::ops::openssl
