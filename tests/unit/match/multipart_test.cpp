// Multipart bodies whole, byte by byte and in odd blocks, and broken ones.
#include "shim/match/multipart.h"

#include <gtest/gtest.h>

namespace recshim::match {
namespace {

constexpr std::string_view kBody =
    "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n"
    "--b  \r\nContent-Disposition: form-data; name=\"f\"; filename=\"x \\\"y\\\".bin\"\r\n"
    "Content-Type: application/octet-stream\r\n\r\n\r\n--bX not a boundary\r\n-\r\n\r\n"
    "--b\r\n\r\n\r\n--b--\r\nepilogue --b";

std::vector<Part> read(std::string_view body, size_t block, bool* complete = nullptr,
                       std::string_view boundary = "b") {
  MultipartReader reader(boundary);
  for (size_t at = 0; at < body.size(); at += block) reader.feed(body.substr(at, block));
  if (complete != nullptr) *complete = reader.complete();
  return reader.parts();
}

TEST(Multipart, GivesTheSamePartsHoweverTheBodyIsCut) {
  for (size_t block = 1; block <= kBody.size(); ++block) {
    bool complete = false;
    const std::vector<Part> parts = read(kBody, block, &complete);
    ASSERT_TRUE(complete) << block;
    ASSERT_EQ(parts.size(), 3U) << block;
    EXPECT_EQ(parts[0].name, "a");
    EXPECT_EQ(parts[0].filename, std::nullopt);
    EXPECT_EQ(parts[0].type, std::nullopt);
    EXPECT_EQ(parts[0].sha256, sha256_hex("one"));
    EXPECT_EQ(parts[1].name, "f");
    EXPECT_EQ(parts[1].filename, "x \"y\".bin");
    EXPECT_EQ(parts[1].type, "application/octet-stream");
    EXPECT_EQ(parts[1].sha256, sha256_hex("\r\n--bX not a boundary\r\n-\r\n")) << block;
    EXPECT_EQ(parts[2].name, std::nullopt);
    EXPECT_EQ(parts[2].sha256, sha256_hex(""));
  }
}

TEST(Multipart, ReadsNamesAsClientsWriteThem) {
  const auto name_of = [](const std::string& disposition) {
    const std::string body = "--b\r\ncontent-disposition: " + disposition + "\r\n\r\n\r\n--b--";
    const std::vector<Part> parts = read(body, body.size());
    EXPECT_EQ(parts.size(), 1U);
    return parts.empty() ? Part() : parts[0];
  };
  EXPECT_EQ(name_of("form-data;name=bare ; filename=f.txt").name, "bare");
  EXPECT_EQ(name_of("form-data;name=bare ; filename=f.txt").filename, "f.txt");
  EXPECT_EQ(name_of("form-data; name=\"a;b\"; filename=\"c=d\"").name, "a;b");
  EXPECT_EQ(name_of("form-data; filename=\"C:\\dir\\f\"").filename, "C:\\dir\\f");
  EXPECT_EQ(name_of("form-data; filename=\"x\"; filename*=UTF-8''%e2%82%ac+1").filename,
            "\xE2\x82\xAC+1");
  EXPECT_EQ(name_of("form-data; name=\"\xFF\"").name, "\xEF\xBF\xBD");
  EXPECT_EQ(name_of("form-data; name=\"open").name, "open");
  EXPECT_EQ(name_of("form-data; name").name, std::nullopt);
}

TEST(Multipart, BrokenBodiesAreNeverComplete) {
  for (const char* body :
       {"", "no boundary at all", "--b\r\nContent-Disposition: form-data\r\n\r\nnever closed",
        "--b\r\nhead without end", "--b", "--bb\r\n\r\n\r\n--bb--"}) {
    for (const size_t block : {size_t{1}, size_t{1000}}) {
      bool complete = true;
      read(body, block, &complete);
      EXPECT_FALSE(complete) << body;
    }
  }
}

TEST(Multipart, BoundsHeadsAndParts) {
  MultipartReader long_head("b");
  EXPECT_TRUE(long_head.feed("--b\r\nX: "));
  EXPECT_FALSE(long_head.feed(std::string(MultipartReader::kMaxHeadBytes + 1, 'x')));
  EXPECT_FALSE(long_head.feed("\r\n\r\n\r\n--b--"));
  EXPECT_FALSE(long_head.complete());

  MultipartReader many("b");
  bool ok = many.feed("--b");
  for (size_t i = 0; ok && i <= MultipartReader::kMaxParts; ++i) ok = many.feed("\r\n\r\n\r\n--b");
  EXPECT_FALSE(ok);
}

TEST(MultipartBoundary, IsTheParameter) {
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(multipart_boundary("Multipart/Mixed; charset=x; Boundary=\"a b\""), "a b");
  EXPECT_EQ(multipart_boundary("multipart/form-data"), std::nullopt);
  EXPECT_EQ(multipart_boundary("multipart/form-data; boundary="), std::nullopt);
  EXPECT_EQ(multipart_boundary("application/json; boundary=abc"), std::nullopt);
}

}  // namespace
}  // namespace recshim::match
