// SHA-256 against the examples of FIPS 180-4.
#include "shim/base/sha256.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace recshim
