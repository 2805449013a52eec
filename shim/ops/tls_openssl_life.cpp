// OpenSSL operations from a session's setting-up to its end. See tls_openssl.h.
#include <sys/socket.h>

#include <cerrno>

#include "shim/ops/tls_alpn.h"
#include "shim/ops/tls_openssl.h"
#include "shim/ops/tls_openssl_session.h"
#include "shim/ops/tls_openssl_virtual.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"

namespace recshim::ops::openssl {
namespace {

constexpr size_t kRecord = 16384;         // RFC 8446 §5.1: most plaintext in a record
constexpr size_t kDrainLimit = 64 << 20;  // no close waits for more than this

// Reads what the session can decrypt from its rbio, which must not block.
// Returns false when it is over.
bool read_held(Session& session) {
  const OpensslApi& api = session.library->api;
  char plain[kRecord];
  while (session.tap->wants_drain() && session.pushback.size() < kDrainLimit) {
    const int n = api.SSL_read(session.ssl, plain, sizeof plain);
    if (n <= 0) {
      const int error = api.SSL_get_error(session.ssl, n);
      if (error == kErrorWantRead || error == kErrorWantWrite) return true;
      if (error == kErrorZeroReturn && !session.end_told) {
        session.end_told = true;
        session.tap->on_read_end(flow::End::kEof);
      }
      return false;
    }
    session.tap->on_read(plain, static_cast<size_t>(n));
    // The program may yet want them: it may only have shut down its own side.
    session.pushback.append(plain, static_cast<size_t>(n));
  }
  return false;
}

void read_socket(Session& session, int fd, BIO* records) {
  const OpensslApi& api = session.library->api;
  char raw[kRecord + 256];
  if (!real::bound) real::bind();
  for (;;) {
    const ssize_t n = real::recv(fd, raw, sizeof raw, MSG_DONTWAIT);
    if (n <= 0) {
      if (!session.end_told && (n == 0 || errno == ECONNRESET)) {
        session.end_told = true;
        session.tap->on_read_end(n == 0 ? flow::End::kEof : flow::End::kReset);
      }
      return;
    }
    if (api.BIO_write(records, raw, static_cast<int>(n)) != n || !read_held(session)) return;
  }
}

// Our state of an object in whatever mode, for a call from outside libssl; else null.
Session* state_of(const Found& found, const SSL* ssl) {
  if (found.internal || !found.library->usable || ssl == nullptr) return nullptr;
  return static_cast<Session*>(get_state(*found.library, ssl));
}

// REQUIRES: OwnWork.
void drain_now(Session& session, int fd) {
  if (session.tap != nullptr && session.try_begin_drain()) {
    session.drain(fd);
    session.end_drain();
  }
}

}  // namespace

void Session::drain(int from_fd) {
  const OpensslApi& api = library->api;
  BIO* rbio = api.SSL_get_rbio(ssl);
  if (tap == nullptr || !tap->wants_drain() || rbio == nullptr || end_told ||
      api.SSL_is_init_finished(ssl) == 0 || api.BIO_s_mem == nullptr ||
      api.SSL_set0_rbio == nullptr || api.BIO_up_ref == nullptr || api.BIO_free == nullptr ||
      api.BIO_new == nullptr || api.BIO_ctrl(rbio, kBioGetKtlsRecv, 0, nullptr) > 0) {
    return;
  }
  api.ERR_set_mark();
  // A memory BIO of ours stands in for the program's, so that no read can block: OpenSSL
  // keeps the part of a record it already has.
  BIO* records = from_fd < 0 ? nullptr : api.BIO_new(api.BIO_s_mem());
  if (!is_memory_bio(api, rbio) || read_held(*this)) {
    if (records != nullptr && api.BIO_up_ref(rbio) == 1) {
      api.BIO_ctrl(records, kBioSetMemEof, -1, nullptr);
      api.SSL_set0_rbio(ssl, records);
      if (read_held(*this)) read_socket(*this, from_fd, records);
      records = nullptr;
      api.SSL_set0_rbio(ssl, rbio);  // gives the reference back, frees ours
    }
  }
  if (records != nullptr) api.BIO_free(records);
  api.ERR_pop_to_mark();
}

int SSL_shutdown(const void* caller, SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return -1;
  if (target.mode == Mode::kVirtual) return virtual_shutdown(*target.session);
  if (target.mode == Mode::kRefused) return refuse_io(*target.session);
  if (target.mode != Mode::kTap) return target.api->SSL_shutdown(ssl);
  Session& session = *target.session;
  {
    runtime::OwnWork own;
    drain_now(session, session.fd);
  }
  session.begin_call();
  runtime::enter_tls_io();
  const int result = target.api->SSL_shutdown(ssl);
  runtime::leave_tls_io();
  session.end_call();
  return result;
}

int SSL_get_shutdown(const void* caller, const SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return 0;
  const int real = target.api->SSL_get_shutdown(ssl);
  if (target.mode != Mode::kVirtual) return real;
  // A program that reads the transport itself (a BIO pair) learns here whether the end it
  // met was announced.
  if (runtime::virtual_end(target.session->connection.get()) == runtime::VirtualEnd::kAnnounced) {
    target.session->shutdown |= kReceivedShutdown;
  }
  return real | target.session->shutdown;
}

int SSL_clear(const void* caller, SSL* ssl) {
  const Found found = find_library(caller);
  if (found.library == nullptr) return 0;
  if (Session* session = state_of(found, ssl)) {
    runtime::OwnWork own;
    drain_now(*session, session->fd);
    session->reset();
  }
  return found.library->api.SSL_clear(ssl);
}

int SSL_up_ref(const void* caller, SSL* ssl) {
  const Found found = find_library(caller);
  if (found.library == nullptr || found.library->api.SSL_up_ref == nullptr) return 0;
  const int result = found.library->api.SSL_up_ref(ssl);
  if (result == 1 && !found.internal && found.library->usable && runtime::tls_active()) {
    runtime::OwnWork own;
    if (Session* session = make_session(*found.library, ssl)) ++session->references;
  }
  return result;
}

void SSL_free(const void* caller, SSL* ssl) {
  const Found found = find_library(caller);
  if (found.library == nullptr) return;
  Session* session = state_of(found, ssl);
  if (session != nullptr && --session->references == 0 && session->tap != nullptr) {
    runtime::OwnWork own;
    drain_now(*session, session->fd);
    session->close_tap();
  }
  found.library->api.SSL_free(ssl);  // frees our state with the object
}

int SSL_set_alpn_protos(const void* caller, SSL* ssl, const unsigned char* list, unsigned size) {
  const Found found = find_library(caller);
  if (found.library == nullptr || found.library->api.SSL_set_alpn_protos == nullptr) return 1;
  const int result = found.library->api.SSL_set_alpn_protos(ssl, list, size);
  if (result == 0 && !found.internal && found.library->usable && runtime::tls_active()) {
    runtime::OwnWork own;
    remember_alpn(*found.library, ssl, {reinterpret_cast<const char*>(list), size});
  }
  return result;
}

int SSL_CTX_set_alpn_protos(const void* caller, SSL_CTX* context, const unsigned char* list,
                            unsigned size) {
  const Found found = find_library(caller);
  if (found.library == nullptr || found.library->api.SSL_CTX_set_alpn_protos == nullptr) return 1;
  const int result = found.library->api.SSL_CTX_set_alpn_protos(context, list, size);
  if (result == 0 && !found.internal && found.library->usable && runtime::tls_active()) {
    runtime::OwnWork own;
    remember_alpn(*found.library, context, {reinterpret_cast<const char*>(list), size});
  }
  return result;
}

}  // namespace recshim::ops::openssl
