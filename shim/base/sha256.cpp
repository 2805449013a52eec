// SHA-256 over libmd. Owns nothing but the adaptation of its C interface.
#include "shim/base/sha256.h"

#include <sha2.h>

#include <new>

namespace recshim {

Sha256::Sha256() {
  static_assert(sizeof(SHA2_CTX) <= sizeof(state_) && alignof(SHA2_CTX) <= 8);
  SHA256Init(new (state_.data()) SHA2_CTX);
}

void Sha256::update(std::string_view bytes) {
  SHA256Update(reinterpret_cast<SHA2_CTX*>(state_.data()),
               reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

std::string Sha256::finish_hex() {
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256Final(digest, reinterpret_cast<SHA2_CTX*>(state_.data()));
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(2 * sizeof digest);
  for (const uint8_t byte : digest) {
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.finish_hex();
}

}  // namespace recshim
