// OpenSSL operations that only look: what a finished handshake with our synthetic peer
// tells the program. Sessions that are not virtual answer for themselves.
#include "shim/ops/tls_alpn.h"
#include "shim/ops/tls_openssl.h"
#include "shim/ops/tls_openssl_session.h"
#include "shim/ops/tls_openssl_virtual.h"

namespace recshim::ops::openssl {
namespace {

// answer(session) for a virtual session, the original's answer for any other, `missing`
// where this copy of OpenSSL lacks the function.
template <typename Result, typename Object, typename Answer>
Result look(const void* caller, Object* ssl, Result (*OpensslApi::*original)(Object*),
            Result missing, Answer answer) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.mode == Mode::kVirtual) return answer(*target.session);
  if (target.api == nullptr || target.api->*original == nullptr) return missing;
  return (target.api->*original)(ssl);
}

// Always the same answer.
template <typename Result>
Result look(const void* caller, const SSL* ssl, Result (*OpensslApi::*original)(const SSL*),
            Result answer) {
  return look(caller, ssl, original, Result{}, [answer](Session&) { return answer; });
}

}  // namespace

int SSL_is_init_finished(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_is_init_finished, 1);
}
int SSL_in_init(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_in_init, 0);
}
int SSL_in_before(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_in_before, 0);
}
int SSL_get_state(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_state, kStateOk);
}
const char* SSL_state_string(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_state_string, "SSLOK ");
}
const char* SSL_state_string_long(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_state_string_long,
              "SSL negotiation finished successfully");
}
const char* SSL_get_version(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_version, "TLSv1.3");
}
int SSL_version(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_version, kTls13);
}
long SSL_get_verify_result(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_verify_result, 0L);  // X509_V_OK
}
int SSL_session_reused(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_session_reused, 0);
}

// OpenSSL 3 renamed SSL_get_peer_certificate: a program that found our hook of either name
// gets whichever there is.
X509* SSL_get1_peer_certificate(const void* caller, const SSL* ssl) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  if (target.api == nullptr) return nullptr;
  if (target.mode == Mode::kVirtual) {
    X509* certificate = virtual_certificate(*target.session);
    if (certificate != nullptr) target.api->X509_up_ref(certificate);
    return certificate;
  }
  auto* original = target.api->SSL_get1_peer_certificate != nullptr
                       ? target.api->SSL_get1_peer_certificate
                       : target.api->SSL_get_peer_certificate;
  return original != nullptr ? original(ssl) : nullptr;
}
X509* SSL_get_peer_certificate(const void* caller, const SSL* ssl) {
  return openssl::SSL_get1_peer_certificate(caller, ssl);
}
X509* SSL_get0_peer_certificate(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get0_peer_certificate, static_cast<X509*>(nullptr),
              virtual_certificate);
}
OpensslStack* SSL_get_peer_cert_chain(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_peer_cert_chain,
              static_cast<OpensslStack*>(nullptr), virtual_chain);
}
OpensslStack* SSL_get0_verified_chain(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get0_verified_chain,
              static_cast<OpensslStack*>(nullptr), virtual_chain);
}
const SSL_CIPHER* SSL_get_current_cipher(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_current_cipher,
              static_cast<const SSL_CIPHER*>(nullptr), virtual_cipher);
}
SSL_SESSION* SSL_get_session(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_session, static_cast<SSL_SESSION*>(nullptr),
              virtual_resumable);
}
SSL_SESSION* SSL_get1_session(const void* caller, SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get1_session, static_cast<SSL_SESSION*>(nullptr),
              [](Session& session) {
                SSL_SESSION* made = virtual_resumable(session);
                if (made != nullptr) session.library->api.SSL_SESSION_up_ref(made);
                return made;
              });
}

void SSL_get0_alpn_selected(const void* caller, const SSL* ssl, const unsigned char** name,
                            unsigned* size) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  *name = nullptr;
  *size = 0;
  if (target.mode == Mode::kVirtual) {
    if (!target.session->http11_selected) return;
    *name = reinterpret_cast<const unsigned char*>(kHttp11.data());
    *size = static_cast<unsigned>(kHttp11.size());
  } else if (target.api != nullptr && target.api->SSL_get0_alpn_selected != nullptr) {
    target.api->SSL_get0_alpn_selected(ssl, name, size);
  }
}

int SSL_export_keying_material(const void* caller, SSL* ssl, unsigned char* out, size_t size,
                               const char* label, size_t label_size, const unsigned char* context,
                               size_t context_size, int use_context) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  // There are no keys, and 1.1.1 reads them without asking.
  if (target.mode == Mode::kVirtual) return 0;
  if (target.api == nullptr || target.api->SSL_export_keying_material == nullptr) return 0;
  return target.api->SSL_export_keying_material(ssl, out, size, label, label_size, context,
                                                context_size, use_context);
}

}  // namespace recshim::ops::openssl
