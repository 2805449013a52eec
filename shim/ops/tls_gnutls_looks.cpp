// GnuTLS operations that only look: what a finished handshake with our synthetic peer
// tells the program. Sessions that are not virtual answer for themselves.
#include <cstring>

#include "shim/ops/tls_alpn.h"
#include "shim/ops/tls_gnutls.h"
#include "shim/ops/tls_gnutls_session.h"
#include "shim/ops/tls_gnutls_virtual.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::gnutls {
namespace {

// answer(session) for a virtual session; else what the original says, called with the
// same arguments; `missing` where this copy of GnuTLS lacks the function.
template <typename Result, typename... Params, typename Answer, typename... Arguments>
Result look(const void* caller, Result (*GnutlsApi::*original)(GnutlsSession, Params...),
            Result missing, Answer answer, GnutlsSession session, Arguments... arguments) {
  const Target target = find_session(caller, session, false);
  if (target.mode == Mode::kVirtual) return answer(*target.session);
  if (target.api == nullptr || target.api->*original == nullptr) return missing;
  return (target.api->*original)(session, arguments...);
}

template <typename Result>
auto always(Result answer) {
  return [answer](Session&) { return answer; };
}

auto trusted(unsigned* status) {
  return [status](Session&) {
    *status = 0;  // no GNUTLS_CERT_* bit: nothing is wrong with it
    return kSuccess;
  };
}

auto no_bytes(Datum* data) {
  return [data](Session&) {
    *data = {};
    return kInvalidSession;
  };
}

auto no_bytes(size_t* size) {
  return [size](Session&) {
    if (size != nullptr) *size = 0;
    return kInvalidSession;
  };
}

}  // namespace

int gnutls_certificate_verify_peers(const void* caller, GnutlsSession session, void* data,
                                    unsigned elements, unsigned* status) {
  return look(caller, &GnutlsApi::gnutls_certificate_verify_peers, kUnimplemented, trusted(status),
              session, data, elements, status);
}
int gnutls_certificate_verify_peers2(const void* caller, GnutlsSession session, unsigned* status) {
  return look(caller, &GnutlsApi::gnutls_certificate_verify_peers2, kUnimplemented, trusted(status),
              session, status);
}
int gnutls_certificate_verify_peers3(const void* caller, GnutlsSession session, const char* host,
                                     unsigned* status) {
  return look(caller, &GnutlsApi::gnutls_certificate_verify_peers3, kUnimplemented, trusted(status),
              session, host, status);
}
unsigned gnutls_session_get_verify_cert_status(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_session_get_verify_cert_status, ~0U, always(0U), session);
}

const Datum* gnutls_certificate_get_peers(const void* caller, GnutlsSession session,
                                          unsigned* count) {
  return look(
      caller, &GnutlsApi::gnutls_certificate_get_peers, static_cast<const Datum*>(nullptr),
      [count](Session& ours) {
        if (count != nullptr) *count = 1;
        return virtual_peer(ours);
      },
      session, count);
}

int gnutls_certificate_type_get(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_certificate_type_get, kCertificateX509,
              always(kCertificateX509), session);
}
int gnutls_certificate_type_get2(const void* caller, GnutlsSession session, int target) {
  return look(caller, &GnutlsApi::gnutls_certificate_type_get2, kCertificateX509,
              always(kCertificateX509), session, target);
}
int gnutls_auth_get_type(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_auth_get_type, kCredentialCertificate,
              always(kCredentialCertificate), session);
}
int gnutls_auth_server_get_type(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_auth_server_get_type, kCredentialCertificate,
              always(kCredentialCertificate), session);
}
int gnutls_protocol_get_version(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_protocol_get_version, kTls13, always(kTls13), session);
}
int gnutls_cipher_get(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_cipher_get, kAes256Gcm, always(kAes256Gcm), session);
}
int gnutls_kx_get(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_kx_get, kEcdheEcdsa, always(kEcdheEcdsa), session);
}
int gnutls_mac_get(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_mac_get, kMacAead, always(kMacAead), session);
}
const char* gnutls_ciphersuite_get(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_ciphersuite_get, static_cast<const char*>(nullptr),
              always("TLS_AES_256_GCM_SHA384"), session);
}

char* gnutls_session_get_desc(const void* caller, GnutlsSession session) {
  return look(
      caller, &GnutlsApi::gnutls_session_get_desc, static_cast<char*>(nullptr),
      [](Session& ours) {
        static constexpr char kText[] =
            "(TLS1.3)-(ECDHE-SECP256R1)-(ECDSA-SECP256R1-SHA256)-(AES-256-GCM)";
        // The program frees it with gnutls_free.
        auto* text = static_cast<char*>((*ours.library->api.gnutls_malloc)(sizeof kText));
        if (text != nullptr) std::memcpy(text, kText, sizeof kText);
        return text;
      },
      session);
}

int gnutls_alpn_get_selected_protocol(const void* caller, GnutlsSession session, Datum* protocol) {
  return look(
      caller, &GnutlsApi::gnutls_alpn_get_selected_protocol, kNotAvailable,
      [protocol](Session& ours) {
        const std::string_view chosen = choose_alpn(ours.alpn);
        if (chosen.empty()) return kNotAvailable;
        // Of static life, and not written to by who asks.
        auto* const name = reinterpret_cast<unsigned char*>(const_cast<char*>(chosen.data()));
        *protocol = {name, static_cast<unsigned>(chosen.size())};
        return kSuccess;
      },
      session, protocol);
}

int gnutls_session_is_resumed(const void* caller, GnutlsSession session) {
  return look(caller, &GnutlsApi::gnutls_session_is_resumed, 0, always(0), session);
}
int gnutls_session_get_data(const void* caller, GnutlsSession session, void* data, size_t* size) {
  return look(caller, &GnutlsApi::gnutls_session_get_data, kInvalidSession, no_bytes(size), session,
              data, size);
}
int gnutls_session_get_data2(const void* caller, GnutlsSession session, Datum* data) {
  return look(caller, &GnutlsApi::gnutls_session_get_data2, kInvalidSession, no_bytes(data),
              session, data);
}
int gnutls_session_get_id(const void* caller, GnutlsSession session, void* id, size_t* size) {
  return look(caller, &GnutlsApi::gnutls_session_get_id, kInvalidSession, no_bytes(size), session,
              id, size);
}
int gnutls_session_get_id2(const void* caller, GnutlsSession session, Datum* id) {
  return look(caller, &GnutlsApi::gnutls_session_get_id2, kInvalidSession, no_bytes(id), session,
              id);
}
// GnuTLS reads the version that was negotiated without asking whether one was.
int gnutls_session_key_update(const void* caller, GnutlsSession session, unsigned flags) {
  const Target target = find_session(caller, session, false);
  if (target.mode == Mode::kVirtual) return kSuccess;
  if (target.mode == Mode::kRefused) return kInvalidSession;
  if (target.api == nullptr || target.api->gnutls_session_key_update == nullptr) {
    return kUnimplemented;
  }
  return target.api->gnutls_session_key_update(session, flags);
}
int gnutls_reauth(const void* caller, GnutlsSession session, unsigned flags) {
  return look(caller, &GnutlsApi::gnutls_reauth, kInvalidSession, always(kSuccess), session, flags);
}

}  // namespace recshim::ops::gnutls
