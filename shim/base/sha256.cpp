// SHA-256: padding and pieces here, blocks by the processor where it can, else by libmd.
#include "shim/base/sha256.h"

#include <sha2.h>

#include <algorithm>
#include <cstring>

#include "shim/base/sha256_blocks.h"

namespace recshim {
namespace {

constexpr size_t kBlockBytes = SHA256_BLOCK_LENGTH;

void take_blocks(uint32_t* state, const uint8_t* bytes, size_t count) {
  if (can_hash_blocks()) {
    hash_blocks(state, bytes, count);
    return;
  }
  for (; count > 0; --count, bytes += kBlockBytes) SHA256Transform(state, bytes);
}

}  // namespace

Sha256::Sha256()
    // FIPS 180-4 §5.3.3.
    : state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} {}

void Sha256::update(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data());
  size_t left = bytes.size();
  const size_t kept = size_bytes_ % kBlockBytes;
  size_bytes_ += left;
  if (kept > 0) {
    const size_t taken = std::min(left, kBlockBytes - kept);
    std::memcpy(block_.data() + kept, at, taken);
    if (kept + taken < kBlockBytes) return;
    take_blocks(state_.data(), block_.data(), 1);
    at += taken;
    left -= taken;
  }
  take_blocks(state_.data(), at, left / kBlockBytes);
  if (const size_t rest = left % kBlockBytes; rest > 0) {
    std::memcpy(block_.data(), at + left - rest, rest);
  }
}

std::string Sha256::finish_hex() {
  // FIPS 180-4 §5.1.1: a one, zeros up to a block's last eight bytes, and there the length in bits.
  const uint64_t size_bits = size_bytes_ * 8;
  const size_t kept = size_bytes_ % kBlockBytes;
  std::string padding((kept < kBlockBytes - 8 ? kBlockBytes : 2 * kBlockBytes) - kept, '\0');
  padding[0] = '\x80';
  for (size_t i = 0; i < 8; ++i) {
    padding[padding.size() - 1 - i] = static_cast<char>(size_bits >> (8 * i));
  }
  update(padding);

  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  hex.reserve(SHA256_DIGEST_STRING_LENGTH);
  for (const uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex += kDigits[word >> shift & 15];
  }
  return hex;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 sha;
  sha.update(bytes);
  return sha.finish_hex();
}

}  // namespace recshim
