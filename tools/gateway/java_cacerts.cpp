// See java_cacerts.h.
#include "tools/gateway/java_cacerts.h"

#include <openssl/pkcs12.h>
#include <openssl/sha.h>

#include <ctime>
#include <string_view>
#include <vector>

namespace recshim::gateway {
namespace {

constexpr std::string_view kMagic = "\xfe\xed\xfe\xed";
constexpr size_t kCountAt = 8;  // after magic and version
constexpr size_t kEntriesAt = 12;
constexpr size_t kDigestBytes = SHA_DIGEST_LENGTH;
constexpr char kPassword[] = "changeit";
constexpr uint32_t kTrustedCertificate = 2;
constexpr const char* kAlias = "recshim-session-ca";

void put_number(std::string& out, uint64_t number, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) {
    out += static_cast<char>((number >> shift) & 0xff);
  }
}

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 0; i < 4; ++i) number = (number << 8) | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

void put_text(std::string& out, std::string_view text) {
  put_number(out, text.size(), 2);
  out += text;
}

void put_certificate(std::string& out, const std::string& alias, X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  std::string der(static_cast<size_t>(std::max(size, 0)), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &at);
  put_number(out, kTrustedCertificate, 4);
  put_text(out, alias);
  put_number(out, static_cast<uint64_t>(time(nullptr)) * 1000, 8);
  put_text(out, "X.509");
  put_number(out, der.size(), 4);
  out += der;
}

std::string with_digest(std::string store) {
  std::string input;
  for (const char c : std::string_view(kPassword)) {
    input += '\0';  // UTF-16, big-endian
    input += c;
  }
  input += "Mighty Aphrodite";
  input += store;
  unsigned char digest[kDigestBytes];
  SHA1(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest);
  store.append(reinterpret_cast<const char*>(digest), kDigestBytes);
  return store;
}

using SafesPtr =
    std::unique_ptr<STACK_OF(PKCS7),
                    decltype([](STACK_OF(PKCS7) * s) { sk_PKCS7_pop_free(s, PKCS7_free); })>;
using BagsPtr =
    std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), decltype([](STACK_OF(PKCS12_SAFEBAG) * s) {
                      sk_PKCS12_SAFEBAG_pop_free(s, PKCS12_SAFEBAG_free);
                    })>;

// The certificates of a PKCS #12 store. Its integrity is not looked at: the stores that
// Java comes with have no MAC, and who can change the file can change the MAC as well.
Result<std::vector<CertPtr>> pkcs12_certificates(const std::string& store) {
  const BioPtr input(BIO_new_mem_buf(store.data(), static_cast<int>(store.size())));
  std::unique_ptr<PKCS12, FreeWith<PKCS12_free>> file(d2i_PKCS12_bio(input.get(), nullptr));
  const SafesPtr safes(file ? PKCS12_unpack_authsafes(file.get()) : nullptr);
  if (!safes) {
    ERR_clear_error();
    return Error{ErrorCode::kInvalid, "neither a JKS nor a PKCS #12 key store"};
  }
  std::vector<CertPtr> certificates;
  for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
    PKCS7* const safe = sk_PKCS7_value(safes.get(), i);
    BagsPtr bags;
    if (PKCS7_type_is_data(safe)) {
      bags.reset(PKCS12_unpack_p7data(safe));
    } else if (PKCS7_type_is_encrypted(safe)) {
      bags.reset(PKCS12_unpack_p7encdata(safe, kPassword, sizeof kPassword - 1));
    }
    if (!bags) return Error{ErrorCode::kInvalid, "a part can't be opened: " + openssl_error()};
    for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags.get()); ++j) {
      const PKCS12_SAFEBAG* const bag = sk_PKCS12_SAFEBAG_value(bags.get(), j);
      if (PKCS12_SAFEBAG_get_nid(bag) != NID_certBag) continue;
      CertPtr certificate(PKCS12_SAFEBAG_get1_cert(bag));
      if (certificate) certificates.push_back(std::move(certificate));
    }
  }
  return certificates;
}

}  // namespace

Result<std::string> java_store_with(const std::string& store, X509* authority) {
  std::string out;
  if (store.starts_with(kMagic)) {
    // Its entries stay as they are, so there is no need to understand them.
    if (store.size() < kEntriesAt + kDigestBytes) {
      return Error{ErrorCode::kInvalid, "a JKS key store that was cut off"};
    }
    out = store.substr(0, kCountAt);
    put_number(out, uint64_t{number_at(store, kCountAt)} + 1, 4);
    out += store.substr(kEntriesAt, store.size() - kDigestBytes - kEntriesAt);
  } else {
    const auto certificates = pkcs12_certificates(store);
    if (!certificates) return certificates.error();
    out = kMagic;
    put_number(out, 2, 4);
    put_number(out, certificates->size() + 1, 4);
    for (size_t i = 0; i < certificates->size(); ++i) {
      put_certificate(out, "ca" + std::to_string(i), (*certificates)[i].get());
    }
  }
  put_certificate(out, kAlias, authority);
  return with_digest(std::move(out));
}

}  // namespace recshim::gateway
