// OpenSSL operations that only look: what a finished handshake with our synthetic peer
// tells the program, as far as the object's SSL_SESSION does not (show_virtual). Sessions that are
// not virtual answer for themselves.
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

OpensslStack* SSL_get_peer_cert_chain(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get_peer_cert_chain,
              static_cast<OpensslStack*>(nullptr), virtual_chain);
}
OpensslStack* SSL_get0_verified_chain(const void* caller, const SSL* ssl) {
  return look(caller, ssl, &OpensslApi::SSL_get0_verified_chain,
              static_cast<OpensslStack*>(nullptr), virtual_chain);
}

void SSL_get0_alpn_selected(const void* caller, const SSL* ssl, const unsigned char** name,
                            unsigned* size) {
  const Target target = find_session(caller, ssl, Entry::kLook);
  *name = nullptr;
  *size = 0;
  if (target.mode == Mode::kVirtual) {
    const std::string_view selected = target.session->selected_protocol;
    if (selected.empty()) return;
    *name = reinterpret_cast<const unsigned char*>(selected.data());
    *size = static_cast<unsigned>(selected.size());
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
