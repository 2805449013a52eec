// decode_content(): every coding, lists, and data that is broken, cut off or a bomb.
#include <brotli/encode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "shim/http/codec.h"

namespace recshim::http {
namespace {

constexpr size_t kPlenty = size_t{16} << 20;

std::string deflate_with(const std::string& text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string gzip(const std::string& text) {
  return deflate_with(text, 15 + 16);
}
std::string zlib_form(const std::string& text) {
  return deflate_with(text, 15);
}
std::string raw_deflate(const std::string& text) {
  return deflate_with(text, -15);
}

std::string brotli(const std::string& text) {
  size_t size = BrotliEncoderMaxCompressedSize(text.size()) + 64;
  std::string out(size, '\0');
  EXPECT_TRUE(BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, text.size(),
                                    reinterpret_cast<const uint8_t*>(text.data()), &size,
                                    reinterpret_cast<uint8_t*>(out.data())));
  out.resize(size);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

struct Coding {
  const char* name;
  std::string (*encode)(const std::string&);
};
constexpr Coding kCodings[] = {{"gzip", gzip},           {"x-gzip", gzip}, {"deflate", zlib_form},
                               {"deflate", raw_deflate}, {"br", brotli},   {"zstd", zstd}};

std::string sample() {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i * 7919 % 10007) + "\n";
  return text;
}

TEST(DecodeTest, EveryCoding) {
  for (const Coding& coding : kCodings) {
    SCOPED_TRACE(coding.name);
    for (const std::string& text : {std::string(), std::string("x"), sample()}) {
      auto decoded = decode_content(coding.encode(text), coding.name, kPlenty);
      ASSERT_TRUE(decoded.ok());
      EXPECT_EQ(*decoded, text);
    }
  }
}

TEST(DecodeTest, IdentityAndNothing) {
  EXPECT_EQ(*decode_content("abc", "identity", 10), "abc");
  EXPECT_EQ(*decode_content("abc", "", 10), "abc");
  EXPECT_EQ(*decode_content("abc", " , ", 10), "abc");
  EXPECT_EQ(decode_content("abc", "", 2).error().code, ErrorCode::kTooLarge);
}

TEST(DecodeTest, NamesAreCaseless) {
  EXPECT_EQ(*decode_content(gzip("a"), " GZip ", 10), "a");
}

TEST(DecodeTest, ListsAreUndoneFromTheRight) {
  EXPECT_EQ(*decode_content(brotli(gzip("text")), "gzip, br", kPlenty), "text");
  EXPECT_EQ(*decode_content(gzip(zstd(zlib_form("text"))), "deflate,zstd,gzip", kPlenty), "text");
  EXPECT_FALSE(decode_content(brotli(gzip("text")), "br, gzip", kPlenty).ok());
}

TEST(DecodeTest, UnknownCodings) {
  EXPECT_EQ(decode_content("x", "compress", 10).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(decode_content("x", "aws-chunked", 10).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(decode_content(gzip("x"), "what, gzip", 10).error().code, ErrorCode::kUnsupported);
}

TEST(DecodeTest, EmptyBodyOfAnyCoding) {
  for (const Coding& coding : kCodings) EXPECT_EQ(*decode_content("", coding.name, 10), "");
}

TEST(DecodeTest, CutOffDataIsInvalid) {
  for (const Coding& coding : kCodings) {
    SCOPED_TRACE(coding.name);
    const std::string encoded = coding.encode(sample());
    for (const size_t n : {size_t{1}, size_t{2}, encoded.size() / 2, encoded.size() - 1}) {
      auto decoded = decode_content(encoded.substr(0, n), coding.name, kPlenty);
      ASSERT_FALSE(decoded.ok()) << n << " bytes";
      EXPECT_EQ(decoded.error().code, ErrorCode::kInvalid);
    }
  }
}

TEST(DecodeTest, GarbageIsInvalid) {
  for (const Coding& coding : kCodings) {
    auto decoded = decode_content("\xff\xfe plainly not compressed", coding.name, kPlenty);
    ASSERT_FALSE(decoded.ok()) << coding.name;
    EXPECT_EQ(decoded.error().code, ErrorCode::kInvalid);
  }
}

TEST(DecodeTest, ADamagedChecksumIsInvalid) {
  std::string encoded = gzip(sample());
  encoded[encoded.size() - 6] ^= 1;
  EXPECT_EQ(decode_content(encoded, "gzip", kPlenty).error().code, ErrorCode::kInvalid);
}

TEST(DecodeTest, BombsStopAtTheLimit) {
  const std::string zeros(size_t{8} << 20, '\0');
  for (const Coding& coding : kCodings) {
    SCOPED_TRACE(coding.name);
    const std::string bomb = coding.encode(zeros);
    EXPECT_LT(bomb.size(), zeros.size() / 500);
    auto decoded = decode_content(bomb, coding.name, size_t{1} << 20);
    ASSERT_FALSE(decoded.ok());
    EXPECT_EQ(decoded.error().code, ErrorCode::kTooLarge);
  }
  EXPECT_EQ(decode_content(gzip(gzip(zeros)), "gzip, gzip", 1000).error().code,
            ErrorCode::kTooLarge);
}

TEST(DecodeTest, TheLimitItselfIsAllowed) {
  const std::string text(100'000, 'x');
  for (const Coding& coding : kCodings) {
    EXPECT_TRUE(decode_content(coding.encode(text), coding.name, text.size()).ok());
    EXPECT_FALSE(decode_content(coding.encode(text), coding.name, text.size() - 1).ok());
  }
}

TEST(DecodeTest, SeveralMembersAndFrames) {
  EXPECT_EQ(*decode_content(gzip("one ") + gzip("two"), "gzip", 100), "one two");
  EXPECT_EQ(*decode_content(zstd("one ") + zstd("two"), "zstd", 100), "one two");
  EXPECT_EQ(*decode_content(gzip("one") + std::string(8, '\0'), "gzip", 100), "one");
}

}  // namespace
}  // namespace recshim::http
