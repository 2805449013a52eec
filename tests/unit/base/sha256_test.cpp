// SHA-256 against the examples of FIPS 180-4.
#include "shim/base/sha256.h"

#include <gtest/gtest.h>
#include <sha2.h>

#include <array>
#include <vector>

#include "shim/base/sha256_blocks.h"

namespace recshim {
namespace {

TEST(Sha256Test, KnownDigests) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256Test, PiecesGiveTheSameDigest) {
  const std::string text(1'000'000, 'a');
  Sha256 sha;
  for (size_t i = 0, step = 1; i < text.size(); i += step, step = step % 997 + 1) {
    sha.update(std::string_view(text).substr(i, step));
  }
  EXPECT_EQ(sha.finish_hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// The processor's instructions and libmd's block function, where this machine has both.
TEST(Sha256Test, ProcessorAgreesWithLibmd) {
  if (!can_hash_blocks()) GTEST_SKIP() << "this processor has no SHA instructions";
  std::vector<uint8_t> bytes(64 * 33);
  uint32_t seed = 1;
  for (uint8_t& byte : bytes)
    byte = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
  std::array<uint32_t, 8> ours{1, 2, 3, 4, 0xffffffff, 6, 0x80000000, 8};
  auto theirs = ours;
  hash_blocks(ours.data(), bytes.data(), bytes.size() / 64);
  for (size_t at = 0; at < bytes.size(); at += 64) SHA256Transform(theirs.data(), &bytes[at]);
  EXPECT_EQ(ours, theirs);
}

TEST(Sha256Test, PaddingAroundABlocksEnd) {
  // 55 bytes and their length just fit into one block.
  EXPECT_EQ(sha256_hex(std::string(55, 'a')),
            "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  EXPECT_EQ(sha256_hex(std::string(56, 'a')),
            "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  EXPECT_EQ(sha256_hex(std::string(64, 'a')),
            "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

}  // namespace
}  // namespace recshim
