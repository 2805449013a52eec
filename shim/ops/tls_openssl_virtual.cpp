// See tls_openssl_virtual.h.
#include "shim/ops/tls_openssl_virtual.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

#include "shim/ops/tls_certificate.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::openssl {
namespace {

// What SSL_get_error(3) says after this BIO gave n <= 0.
int error_of(const OpensslApi& api, BIO* bio, int n, int wanted) {
  if (api.BIO_test_flags(bio, kBioFlagRetry) == 0) {
    return n == 0 ? kErrorZeroReturn : kErrorSyscall;
  }
  if (api.BIO_test_flags(bio, kBioFlagSpecial) != 0) {
    const int reason = api.BIO_get_retry_reason != nullptr ? api.BIO_get_retry_reason(bio) : 0;
    return reason == kBioReasonAccept ? kErrorWantAccept : kErrorWantConnect;
  }
  if (api.BIO_test_flags(bio, kBioFlagRead) != 0) return kErrorWantRead;
  if (api.BIO_test_flags(bio, kBioFlagWrite) != 0) return kErrorWantWrite;
  return wanted;
}

int clamp(size_t size) {
  return static_cast<int>(std::min<size_t>(size, INT_MAX));
}

bool end_is_ragged(const Session& session) {
  return runtime::virtual_end(session.connection.get()) == runtime::VirtualEnd::kRagged;
}

// As the library says of an end without close_notify: 3.x by an error of its own, unless
// told to ignore it, when the BIO says it is an end; 1.1.1, and where the BIO does not know,
// by a system call that failed without errno.
ssize_t fail_ragged(Session& session, BIO* rbio) {
  const OpensslApi& api = session.library->api;
  errno = 0;
  session.last_error = kErrorSyscall;
  if (api.ERR_new == nullptr || api.ERR_set_error == nullptr) return 0;
  if (api.BIO_ctrl(rbio, kBioEof, 0, nullptr) == 0) return 0;
  if (api.SSL_get_options != nullptr &&
      (api.SSL_get_options(session.ssl) & kIgnoreUnexpectedEof) != 0) {
    session.last_error = kErrorZeroReturn;
    session.ended = true;
    session.shutdown |= kReceivedShutdown;
    return 0;
  }
  api.ERR_new();
  api.ERR_set_error(kLibSsl, kUnexpectedEof, nullptr);
  session.last_error = kErrorSsl;
  return -1;
}

// An SSL_SESSION in the form of i2d_SSL_SESSION(3), the one way to make one with a peer. Without
// an id or a ticket nobody can resume it. Source: OpenSSL, ssl/ssl_asn1.c.
SSL_SESSION* make_shown(const OpensslApi& api, const std::string& host, bool with_group) {
  using std::literals::operator""sv;
  constexpr char kInteger = 0x02, kOctetString = 0x04, kSequence = 0x30;
  constexpr char kTimeout = '\xa2', kPeer = '\xa3', kGroup = '\xb3';   // [2], [3] and [19]
  const std::string group = der(kGroup, {der(kInteger, {"\x1d"sv})});  // x25519
  const std::string text =
      der(kSequence,
          {der(kInteger, {"\x01"sv}), der(kInteger, {"\x03\x04"sv}),  // of the form; TLS 1.3
           der(kOctetString, {"\x13\x02"sv}),                         // TLS_AES_256_GCM_SHA384
           der(kOctetString, {}), der(kOctetString, {std::string(48, '\0')}),  // id and secret
           der(kTimeout, {der(kInteger, {"\x1c\x20"sv})}),                     // two hours
           der(kPeer, {synthetic_certificate(host)}), with_group ? group : std::string()});
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  return api.d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(text.size()));
}

SSL_SESSION* make_shown(const OpensslApi& api, const std::string& host) {
  SSL_SESSION* const session = make_shown(api, host, /*with_group=*/true);
  // 1.1.1 has no group in there, and reads none.
  return session != nullptr ? session : make_shown(api, host, false);
}

// The session that those for host are copies of, for reading it takes OpenSSL a millisecond; null
// where there is no more room.
const SSL_SESSION* shown_to_copy(const Library& library, const std::string& host) {
  const ShownSession* made = nullptr;
  for (auto& slot : library.shown) {
    const ShownSession* kept = slot.load(std::memory_order_acquire);
    if (kept == nullptr) {
      if (made == nullptr) made = new ShownSession{host, make_shown(library.api, host)};
      if (slot.compare_exchange_strong(kept, made, std::memory_order_acq_rel)) {
        return made->session;
      }
    }
    // Also what another thread has put there meanwhile.
    if (kept->host != host) continue;
    if (made != nullptr && made->session != nullptr) library.api.SSL_SESSION_free(made->session);
    delete made;
    return kept->session;
  }
  if (made != nullptr && made->session != nullptr) library.api.SSL_SESSION_free(made->session);
  delete made;
  return nullptr;
}

SSL_SESSION* shown_for(const Library& library, const std::string& host) {
  const OpensslApi& api = library.api;
  const SSL_SESSION* const original =
      api.SSL_SESSION_dup != nullptr && api.SSL_SESSION_set_time != nullptr
          ? shown_to_copy(library, host)
          : nullptr;
  SSL_SESSION* const copy = original != nullptr ? api.SSL_SESSION_dup(original) : nullptr;
  if (copy == nullptr) return make_shown(api, host);
  api.SSL_SESSION_set_time(copy, time(nullptr));
  return copy;
}

}  // namespace

ssize_t virtual_read(Session& session, void* buffer, size_t size, bool keep) {
  const OpensslApi& api = session.library->api;
  session.last_error = kErrorNone;
  if (session.pushed_back() > 0) {
    return static_cast<ssize_t>(session.take_pushback(buffer, size, keep));
  }
  BIO* rbio = api.SSL_get_rbio(session.ssl);
  if (session.ended || rbio == nullptr) {
    session.last_error = session.ended ? kErrorZeroReturn : kErrorSsl;
    return session.ended ? 0 : -1;
  }
  const int n = api.BIO_read(rbio, buffer, clamp(size));
  if (n > 0) {
    if (keep) {
      runtime::OwnWork own;
      session.pushback.assign(static_cast<const char*>(buffer), static_cast<size_t>(n));
    }
    return n;
  }
  session.last_error = error_of(api, rbio, n, kErrorWantRead);
  if (session.last_error == kErrorWantRead && is_memory_bio(api, rbio) &&
      runtime::close_notify_has_come(session.connection.get())) {
    session.last_error = kErrorZeroReturn;
  }
  if (session.last_error != kErrorZeroReturn) return -1;
  if (end_is_ragged(session)) return fail_ragged(session, rbio);
  session.ended = true;
  session.shutdown |= kReceivedShutdown;
  return 0;
}

ssize_t virtual_write(Session& session, const void* buffer, size_t size) {
  const OpensslApi& api = session.library->api;
  session.last_error = kErrorNone;
  BIO* wbio = api.SSL_get_wbio(session.ssl);
  if (wbio == nullptr || (session.shutdown & kSentShutdown) != 0) {
    session.last_error = kErrorSsl;
    return -1;
  }
  const auto* bytes = static_cast<const char*>(buffer);
  const bool partial = (api.SSL_ctrl(session.ssl, kCtrlMode, 0, nullptr) & kModePartialWrite) != 0;
  runtime::begin_virtual(session.connection, {bytes, size});
  size_t done = std::min(session.write_done, size);
  while (done < size) {
    const int n = api.BIO_write(wbio, bytes + done, clamp(size - done));
    if (n <= 0) {
      session.last_error = error_of(api, wbio, n, kErrorWantWrite);
      // A writer is never told of an orderly end.
      if (session.last_error == kErrorZeroReturn) session.last_error = kErrorSyscall;
      session.write_done = done;
      return -1;
    }
    done += static_cast<size_t>(n);
    if (partial) break;
  }
  session.write_done = 0;
  return static_cast<ssize_t>(done);
}

size_t virtual_pending(const Session& session) {
  const OpensslApi& api = session.library->api;
  const size_t held = session.pushed_back();
  BIO* rbio = api.SSL_get_rbio(session.ssl);
  if (rbio == nullptr || !is_memory_bio(api, rbio)) return held;
  // Live, a record fed into a memory BIO is decrypted and pending after the first read.
  const long waiting = api.BIO_ctrl(rbio, kBioPending, 0, nullptr);
  return held + (waiting > 0 ? static_cast<size_t>(waiting) : 0);
}

int virtual_shutdown(Session& session) {
  session.shutdown = kSentShutdown | kReceivedShutdown;
  session.last_error = kErrorNone;
  return 1;
}

int refuse_io(Session& session) {
  session.last_error = kErrorSyscall;
  errno = ECONNREFUSED;
  return -1;
}

void show_virtual(Session& session) {
  const OpensslApi& api = session.library->api;
  api.ERR_set_mark();
  session.shown = shown_for(*session.library, session.host);
  if (session.shown != nullptr) api.SSL_set_session(session.ssl, session.shown);
  api.ERR_pop_to_mark();
}

void show_refused(Session& session) {
  const OpensslApi& api = session.library->api;
  session.shown = api.SSL_SESSION_new();
  if (session.shown == nullptr) return;
  api.SSL_set_session(session.ssl, session.shown);
  api.SSL_set_verify_result(session.ssl, kVerifyOk);  // nothing was verified
}

OpensslStack* virtual_chain(Session& session) {
  if (session.chain != nullptr || session.shown == nullptr) return session.chain;
  runtime::OwnWork own;
  const OpensslApi& api = session.library->api;
  X509* certificate = api.SSL_SESSION_get0_peer(session.shown);
  if (certificate == nullptr) return nullptr;
  session.chain = api.OPENSSL_sk_new_null();
  if (session.chain != nullptr) api.OPENSSL_sk_push(session.chain, certificate);
  return session.chain;
}

}  // namespace recshim::ops::openssl
