// See tls_openssl_session.h.
#include "shim/ops/tls_openssl_session.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "shim/base/log.h"
#include "shim/ops/tls_alpn.h"
#include "shim/ops/tls_openssl_virtual.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::openssl {
namespace {

void destroy_session(void*, void* item, crypto_ex_data_st*, int, long, void*) {
  if (item == nullptr) return;
  runtime::OwnWork own;
  delete static_cast<Session*>(item);
}

void destroy_offer(void*, void* item, crypto_ex_data_st*, int, long, void*) {
  if (item == nullptr) return;
  runtime::OwnWork own;
  delete static_cast<std::string*>(item);
}

// The socket under ssl, or -1. Runs the program's BIO: not own work.
int find_fd(const OpensslApi& api, const SSL* ssl) {
  int fd = api.SSL_get_fd(ssl);
  if (fd < 0 && api.SSL_get_wfd != nullptr) fd = api.SSL_get_wfd(ssl);
  BIO* rbio = api.SSL_get_rbio(ssl);
  if (fd >= 0 || rbio == nullptr || is_memory_bio(api, rbio)) return fd;
  // A custom BIO. It is given nothing to write, which waits for nothing; the socket hooks see
  // where it would have gone.
  BIO* wbio = api.SSL_get_wbio(ssl);
  api.ERR_set_mark();
  runtime::begin_fd_probe();
  size_t written = 0;
  if (wbio != nullptr && api.BIO_write_ex != nullptr) api.BIO_write_ex(wbio, "", 0, &written);
  fd = runtime::end_fd_probe();
  if (fd < 0 && runtime::may_be_inside_tls()) {
    // Another session may be between it and its socket, which writes nothing for nothing. Before
    // our ClientHello a read takes no byte.
    char byte;
    runtime::begin_fd_probe();
    api.BIO_read(rbio, &byte, 1);
    fd = runtime::end_fd_probe();
  }
  api.ERR_pop_to_mark();
  return fd;
}

// curl's BIO remembers that the probe would have blocked, and would wait for the socket
// instead of looking at the handshake's failure. Writing nothing is done at once.
void forget_probe(const OpensslApi& api, const SSL* ssl) {
  BIO* wbio = api.SSL_get_wbio(ssl);
  if (wbio == nullptr || api.BIO_write_ex == nullptr || is_memory_bio(api, wbio)) return;
  size_t written = 0;
  api.ERR_set_mark();
  api.BIO_write_ex(wbio, "", 0, &written);
  api.ERR_pop_to_mark();
}

// BIO_s_connect connects when first used, which a virtual handshake never does, and has no
// socket to decide by until then. Returns kErrorNone once there is nothing to wait for.
int finish_connect(const OpensslApi& api, const SSL* ssl) {
  BIO* wbio = api.SSL_get_wbio(ssl);
  if (wbio == nullptr || api.BIO_method_type(wbio) != kBioConnect) return kErrorNone;
  if (api.BIO_ctrl(wbio, kBioDoStateMachine, 0, nullptr) > 0) return kErrorNone;
  if (api.BIO_test_flags(wbio, kBioFlagRetry) == 0) {
    return api.ERR_peek_error() != 0 ? kErrorSsl : kErrorSyscall;
  }
  if (api.BIO_test_flags(wbio, kBioFlagSpecial) != 0) return kErrorWantConnect;
  return api.BIO_test_flags(wbio, kBioFlagRead) != 0 ? kErrorWantRead : kErrorWantWrite;
}

std::string offered_alpn(const Library& library, const SSL* ssl, const Session* session) {
  if (session != nullptr && session->alpn) return *session->alpn;
  auto* offer =
      static_cast<std::string*>(get_context_state(library, library.api.SSL_get_SSL_CTX(ssl)));
  return offer != nullptr ? *offer : std::string();
}

void narrow_alpn(const OpensslApi& api, SSL* ssl) {
  if (api.SSL_set_alpn_protos == nullptr) return;
  api.SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(kHttp11List.data()),
                          static_cast<unsigned>(kHttp11List.size()));
}

// REQUIRES: OwnWork.
Session* decide(const Library& library, SSL* ssl, int fd) {
  const OpensslApi& api = library.api;
  Session* session = make_session(library, ssl);
  if (session == nullptr) return nullptr;
  constexpr int kHostName = 0;  // TLSEXT_NAMETYPE_host_name
  const char* sni = api.SSL_get_servername(ssl, kHostName);
  const auto offer = parse_alpn(offered_alpn(library, ssl, session));
  runtime::TlsVerdict verdict =
      runtime::decide_tls(fd, plain_host(sni != nullptr ? sni : ""), classify_alpn(offer));
  session->last_error = kErrorNone;
  session->fd = fd;
  session->host = std::move(verdict.host);
  session->connection = verdict.connection;
  session->selected_protocol = choose_alpn(offer);
  switch (verdict.action) {
    case runtime::TlsAction::kLeaveAlone:
      session->mode = Mode::kForeign;
      break;
    case runtime::TlsAction::kVirtual:
      // Leaves the object a client, so that whoever asks what it is hears the same as live.
      api.SSL_set_connect_state(ssl);
      show_virtual(*session);
      session->mode = Mode::kVirtual;
      break;
    case runtime::TlsAction::kTap:
      session->tap = std::move(verdict.tap);
      session->mode = session->tap != nullptr ? Mode::kTap : Mode::kForeign;
      if (session->tap != nullptr) {
        register_tap(session->tap.get(), session);
        if (must_narrow_alpn(offer)) narrow_alpn(api, ssl);
      }
      break;
    case runtime::TlsAction::kRefuse:
      show_refused(*session);
      session->mode = Mode::kRefused;
      break;
  }
  return session;
}

Target target_of(const Library& library, Session* session) {
  const bool ours = session != nullptr && session->mode != Mode::kForeign;
  return {&library.api, ours ? session : nullptr, ours ? session->mode : Mode::kForeign};
}

}  // namespace

bool is_memory_bio(const OpensslApi& api, const BIO* bio) {
  const int type = api.BIO_method_type(bio);
  if (type == kBioPair) return true;
  const char* name = api.BIO_method_name(bio);
  return type == kBioMem && name != nullptr && std::strstr(name, "memory buffer") != nullptr;
}

Session::~Session() {
  close_tap();
  drop_shown();
}

void Session::close_tap() {
  if (tap == nullptr) return;
  unregister_tap(tap.get(), this);
  tap->on_close();
  tap = nullptr;
}

void Session::drop_shown() {
  const OpensslApi& api = library->api;
  if (chain != nullptr) api.OPENSSL_sk_free(chain);
  if (shown != nullptr) api.SSL_SESSION_free(shown);
  chain = nullptr;
  shown = nullptr;
}

void Session::reset() {
  close_tap();
  // Not to be offered to a real server.
  if (shown != nullptr && library->api.SSL_get_session(ssl) == shown) {
    library->api.SSL_set_session(ssl, nullptr);
  }
  drop_shown();
  pushback.clear();
  pushback_start = 0;
  mode = Mode::kUndecided;
  last_error = kErrorNone;
  shutdown = 0;
  ended = false;
  write_done = 0;
  fd = -1;
  hello_noted = end_told = false;
}

size_t Session::take_pushback(void* buffer, size_t size, bool keep) {
  const size_t n = std::min(size, pushed_back());
  std::memcpy(buffer, pushback.data() + pushback_start, n);
  if (keep) return n;
  pushback_start += n;
  if (pushback_start == pushback.size()) {
    pushback.clear();
    pushback_start = 0;
  }
  return n;
}

Session* make_session(const Library& library, SSL* ssl) {
  if (auto* known = static_cast<Session*>(get_state(library, ssl))) return known;
  auto session = std::make_unique<Session>();
  session->library = &library;
  session->ssl = ssl;
  if (!set_state(library, ssl, session.get(), destroy_session)) {
    log::warn("an OpenSSL session cannot be followed: no room for its state");
    return nullptr;
  }
  return session.release();
}

void remember_alpn(const Library& library, SSL* ssl, std::string wire) {
  if (Session* session = make_session(library, ssl)) session->alpn = std::move(wire);
}

void remember_alpn(const Library& library, SSL_CTX* context, std::string wire) {
  if (auto* known = static_cast<std::string*>(get_context_state(library, context))) {
    *known = std::move(wire);
    return;
  }
  auto offer = std::make_unique<std::string>(std::move(wire));
  if (set_context_state(library, context, offer.get(), destroy_offer)) (void)offer.release();
}

Target find_session(const Library& library, const SSL* ssl, Entry entry) {
  const OpensslApi& api = library.api;
  if (!library.usable || ssl == nullptr) return {&api, nullptr, Mode::kForeign};
  auto* session = static_cast<Session*>(get_state(library, ssl));
  if (session != nullptr && session->mode != Mode::kUndecided) return target_of(library, session);
  if (entry == Entry::kLook) {
    // It may be waiting for its connect BIO, of which only we know.
    const bool waiting = session != nullptr && session->last_error != kErrorNone;
    return {&api, waiting ? session : nullptr, waiting ? Mode::kUndecided : Mode::kForeign};
  }
  // Servers are never ours, nor are datagrams, nor what began before we looked. Nothing is
  // kept for them: an object without a role yet says server.
  if (!runtime::tls_active() || (entry != Entry::kConnect && api.SSL_is_server(ssl) != 0) ||
      (api.SSL_is_dtls != nullptr && api.SSL_is_dtls(ssl) != 0) ||
      (api.SSL_is_quic != nullptr && api.SSL_is_quic(ssl) != 0) || api.SSL_in_before(ssl) == 0) {
    return {&api, nullptr, Mode::kForeign};
  }
  auto* mutable_ssl = const_cast<SSL*>(ssl);  // the caller's own object, given as const
  if (const int waiting_for = finish_connect(api, ssl); waiting_for != kErrorNone) {
    runtime::OwnWork own;
    session = make_session(library, mutable_ssl);
    if (session == nullptr) return {&api, nullptr, Mode::kForeign};
    session->last_error = waiting_for;
    return {&api, session, Mode::kUndecided};
  }
  const int fd = find_fd(api, ssl);
  Target target{&api, nullptr, Mode::kForeign};
  {
    runtime::OwnWork own;
    try {
      target = target_of(library, decide(library, mutable_ssl, fd));
    } catch (const std::bad_alloc&) {
      return target;
    }
  }
  if (target.mode == Mode::kRefused) forget_probe(api, ssl);
  return target;
}

Target find_session(const void* caller, const SSL* ssl, Entry entry) {
  const Found found = find_library(caller);
  if (found.library == nullptr) return {};
  // libssl calling itself: the outer hook has seen to it.
  if (found.internal) return {&found.library->api, nullptr, Mode::kForeign};
  return find_session(*found.library, ssl, entry);
}

}  // namespace recshim::ops::openssl
