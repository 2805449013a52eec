// See authority.h.
#include "tools/gateway/authority.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "shim/base/env.h"
#include "shim/flow/origin.h"

namespace recshim::gateway {
namespace {

// Valid whatever the date: tests freeze their clocks. They end with the session all the same.
// Of the form that RFC 5280 §4.1.2.5 wants before 2050 and after.
constexpr const char* kNotBefore = "700101000000Z";
constexpr const char* kNotAfter = "21991231235959Z";

Error openssl_failure(const char* what) {
  return {ErrorCode::kIo, fmt::format("{}: {}", what, openssl_error())};
}

Result<KeyPtr> make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return openssl_failure("no key could be made");
  return key;
}

// A certificate in the making.
class Maker {
 public:
  Maker() : certificate_(X509_new()) {}

  bool begin(const std::string& name, EVP_PKEY* key) {
    std::array<unsigned char, 16> serial{};
    if (!certificate_ || RAND_bytes(serial.data(), serial.size()) != 1) return false;
    serial[0] &= 0x7f;  // positive (RFC 5280 §4.1.2.2)
    std::unique_ptr<BIGNUM, FreeWith<BN_free>> number(
        BN_bin2bn(serial.data(), serial.size(), nullptr));
    X509* const x = certificate_.get();
    X509_NAME* const subject = X509_get_subject_name(x);
    // A common name has at most 64 characters (RFC 5280 A.1); clients look at the SAN.
    const std::string common = name.substr(0, 64);
    return X509_set_version(x, X509_VERSION_3) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(x)) != nullptr &&
           ASN1_TIME_set_string(X509_getm_notBefore(x), kNotBefore) == 1 &&
           ASN1_TIME_set_string(X509_getm_notAfter(x), kNotAfter) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_ASC, bytes("recshim"), -1, -1, 0) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, bytes(common), -1, -1, 0) &&
           X509_set_pubkey(x, key) == 1;
  }
  bool add(int extension, const std::string& value, X509* issuer) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate_.get(), nullptr, nullptr, 0);
    std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> made(
        X509V3_EXT_conf_nid(nullptr, &context, extension, value.c_str()));
    return made && X509_add_ext(certificate_.get(), made.get(), -1) == 1;
  }
  bool sign(X509* issuer, EVP_PKEY* issuer_key) {
    return X509_set_issuer_name(certificate_.get(), X509_get_subject_name(issuer)) == 1 &&
           X509_sign(certificate_.get(), issuer_key, EVP_sha256()) > 0;
  }
  [[nodiscard]] X509* get() const { return certificate_.get(); }
  CertPtr take() { return std::move(certificate_); }

 private:
  static const unsigned char* bytes(const std::string& text) {
    return reinterpret_cast<const unsigned char*>(text.c_str());
  }
  CertPtr certificate_;
};

Result<CertPtr> make_ca(EVP_PKEY* key) {
  Maker maker;
  if (maker.begin("recshim, this session only", key) &&
      maker.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0", maker.get()) &&
      maker.add(NID_key_usage, "critical,keyCertSign,cRLSign", maker.get()) &&
      maker.add(NID_subject_key_identifier, "hash", maker.get()) &&
      maker.add(NID_authority_key_identifier, "keyid:always", maker.get()) &&
      maker.sign(maker.get(), key)) {
    return maker.take();
  }
  return openssl_failure("no certificate authority could be made");
}

// issuer: null for a leaf that signs itself.
Result<CertPtr> make_leaf(const std::string& host, EVP_PKEY* key, X509* issuer,
                          EVP_PKEY* issuer_key) {
  Maker maker;
  const bool numeric = flow::is_numeric_host(host);
  if (maker.begin(host, key) &&
      maker.add(NID_subject_alt_name, (numeric ? "IP:" : "DNS:") + host, nullptr) &&
      maker.add(NID_basic_constraints, "critical,CA:FALSE", nullptr) &&
      maker.add(NID_key_usage, "critical,digitalSignature", nullptr) &&
      maker.add(NID_ext_key_usage, "serverAuth", nullptr) &&
      maker.add(NID_subject_key_identifier, "hash", nullptr) &&
      (issuer == nullptr || maker.add(NID_authority_key_identifier, "keyid:always", issuer)) &&
      maker.sign(issuer == nullptr ? maker.get() : issuer, issuer == nullptr ? key : issuer_key)) {
    return maker.take();
  }
  return openssl_failure("no certificate could be made");
}

// Written whole under its name or not at all, with these permissions from the start.
Status write_file(const std::string& path, const std::string& content, mode_t mode) {
  const std::string temporary = path + ".new";
  unlink(temporary.c_str());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  bool done = fd >= 0 && fchmod(fd, mode) == 0 &&
              write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  if (fd >= 0) done = close(fd) == 0 && done;
  if (done && rename(temporary.c_str(), path.c_str()) == 0) return {};
  const int error = errno;
  unlink(temporary.c_str());
  return Error{ErrorCode::kIo, fmt::format("cannot write {}: {}", path, std::strerror(error))};
}

// Chooses where the client offers protocols at all. One that offers both stays with HTTP/1.1, as it
// does where the library is in its TLS.
int select_protocol(SSL* ssl, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned int offered_size, void*) {
  if (SSL_get_app_data(ssl) != nullptr) return SSL_TLSEXT_ERR_NOACK;  // choose_no_protocol
  static constexpr unsigned char kKnown[] = "\x08http/1.1\x02h2";
  unsigned char* chosen = nullptr;
  const int found =
      SSL_select_next_proto(&chosen, out_size, kKnown, sizeof kKnown - 1, offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

std::string ca_path(const std::string& session_dir) {
  return session_dir + "/ca.pem";
}
std::string ca_key_path(const std::string& session_dir) {
  return session_dir + "/ca-key.pem";
}

Status prepare_authority(const std::string& session_dir) {
  const std::string certificate_path = ca_path(session_dir);
  // Comes last, so where it is the key is too.
  if (posix_env().stat(certificate_path).ok()) return {};
  const auto lock = posix_env().lock(session_dir + "/ca.lock");
  if (!lock) return lock.error();
  if (posix_env().stat(certificate_path).ok()) return {};

  const auto key = make_key();
  if (!key) return key.error();
  const auto certificate = make_ca(key->get());
  if (!certificate) return certificate.error();
  const BioPtr key_text(BIO_new(BIO_s_mem()));
  const BioPtr certificate_text(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PrivateKey(key_text.get(), key->get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1 ||
      PEM_write_bio_X509(certificate_text.get(), certificate->get()) != 1) {
    return openssl_failure("the certificate authority can't be written");
  }
  if (Status put = write_file(ca_key_path(session_dir), bio_text(key_text.get()), 0600); !put) {
    return put;
  }
  return write_file(certificate_path, bio_text(certificate_text.get()), 0644);
}

Result<std::unique_ptr<Authority>> Authority::open(const std::string& session_dir) {
  if (const Status made = prepare_authority(session_dir); !made) return made.error();
  auto key_text = posix_env().read_file(ca_key_path(session_dir));
  if (!key_text) return key_text.error();
  auto certificate_text = posix_env().read_file(ca_path(session_dir));
  if (!certificate_text) return certificate_text.error();

  std::unique_ptr<Authority> authority(new Authority);
  const BioPtr key(BIO_new_mem_buf(key_text->data(), static_cast<int>(key_text->size())));
  const BioPtr certificate(
      BIO_new_mem_buf(certificate_text->data(), static_cast<int>(certificate_text->size())));
  authority->key_.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr));
  authority->certificate_.reset(PEM_read_bio_X509(certificate.get(), nullptr, nullptr, nullptr));
  OPENSSL_cleanse(key_text->data(), key_text->size());
  if (!authority->key_ || !authority->certificate_ ||
      X509_check_private_key(authority->certificate_.get(), authority->key_.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid,
                 session_dir + ": ca.pem and ca-key.pem are no certificate and its key"};
  }
  auto leaf_key = make_key();
  if (!leaf_key) return leaf_key.error();
  authority->leaf_key_ = std::move(*leaf_key);
  return authority;
}

Result<SslContextPtr> Authority::make_context(const std::string& host, bool untrusted) {
  const auto leaf =
      make_leaf(host, leaf_key_.get(), untrusted ? nullptr : certificate_.get(), key_.get());
  if (!leaf) return leaf.error();
  SslContextPtr context(SSL_CTX_new(TLS_server_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_use_certificate(context.get(), leaf->get()) != 1 ||
      SSL_CTX_use_PrivateKey(context.get(), leaf_key_.get()) != 1) {
    return openssl_failure("no TLS server could be made");
  }
  if (!untrusted && SSL_CTX_add1_chain_cert(context.get(), certificate_.get()) != 1) {
    return openssl_failure("no TLS server could be made");
  }
  SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  // Every connection shakes hands anew: a ticket would outlive the gateway that made it.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

void choose_no_protocol(SSL* ssl) {
  static char chosen = 0;  // any address will do
  SSL_set_app_data(ssl, &chosen);
}

Result<SSL_CTX*> Authority::server_context(const std::string& host, bool untrusted) {
  const std::lock_guard lock(mutex_);
  SslContextPtr& known = contexts_[{host, untrusted}];
  if (!known) {
    auto made = make_context(host, untrusted);
    if (!made) return made.error();
    known = std::move(*made);
  }
  return known.get();
}

}  // namespace recshim::gateway
