// Header look-up, URLs, wire form.
#include "shim/http/message.h"

#include <gtest/gtest.h>

namespace recshim::http {
namespace {

TEST(MessageTest, FindsHeadersWithoutCase) {
  const Headers headers = {{"A", "1"}, {"b", "2"}, {"a", "3"}, {"E", ""}};
  EXPECT_EQ(find_header(headers, "a"), "1");
  EXPECT_EQ(find_header(headers, "B"), "2");
  EXPECT_EQ(find_header(headers, "e"), "");
  EXPECT_EQ(find_header(headers, "c"), std::nullopt);
}

TEST(MessageTest, TokensInLists) {
  const Headers headers = {{"Connection", "keep-alive , Upgrade,, x"}, {"connection", "close"}};
  EXPECT_TRUE(header_has_token(headers, "connection", "upgrade"));
  EXPECT_TRUE(header_has_token(headers, "Connection", "KEEP-ALIVE"));
  EXPECT_TRUE(header_has_token(headers, "Connection", "close"));
  EXPECT_FALSE(header_has_token(headers, "Connection", "keep"));
  EXPECT_FALSE(header_has_token(headers, "Connection", ""));
  EXPECT_FALSE(header_has_token(headers, "Upgrade", "x"));
}

TEST(MessageTest, CaseIsAsciiOnly) {
  EXPECT_EQ(to_lower("ABCz-1\xc3\x89"), "abcz-1\xc3\x89");
  EXPECT_TRUE(equals_ignoring_case("aBc", "AbC"));
  EXPECT_FALSE(equals_ignoring_case("abc", "ab"));
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
}

TEST(MessageTest, OriginUrls) {
  EXPECT_EQ(origin_url({"https", "h.example", 443}), "https://h.example");
  EXPECT_EQ(origin_url({"https", "h.example", 80}), "https://h.example:80");
  EXPECT_EQ(origin_url({"http", "h.example", 80}), "http://h.example");
  // Nobody knows yet what is spoken there.
  EXPECT_EQ(origin_url({"", "h.example", 3306}), "h.example:3306");
  EXPECT_EQ(origin_url({"", "::1", 80}), "[::1]:80");
  EXPECT_EQ(origin_url({"http", "127.0.0.1", 8080}), "http://127.0.0.1:8080");
  EXPECT_EQ(origin_url({"https", "::1", 443}), "https://[::1]");
  EXPECT_EQ(origin_url({"http", "fe80::1", 81}), "http://[fe80::1]:81");
}

TEST(MessageTest, RequestUrls) {
  const Origin origin{"https", "h", 443};
  EXPECT_EQ(request_url(origin, {"GET", "/a?b"}), "https://h/a?b");
  EXPECT_EQ(request_url(origin, {"GET", "http://other:8/a"}), "http://other:8/a");
  EXPECT_EQ(request_url(origin, {"OPTIONS", "*"}), "https://h");
  EXPECT_EQ(request_url(origin, {"CONNECT", "t:443"}), "t:443");
  EXPECT_EQ(request_url(origin, {"GET", "/r?to=http://x/"}), "https://h/r?to=http://x/");
}

TEST(MessageTest, WireForm) {
  EXPECT_EQ(serialize(RequestHead{"GET", "/", "1.0", {{"A", "b"}, {"C", ""}}}),
            "GET / HTTP/1.0\r\nA: b\r\nC: \r\n\r\n");
  ResponseHead head;
  head.status = 204;
  EXPECT_EQ(serialize(head), "HTTP/1.1 204 \r\n\r\n");
  head.reason = "No Content";
  head.headers = {{"X", "y"}};
  EXPECT_EQ(serialize(head), "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n");
  head.exact = "HTTP/1.1 204 No Content\nX:y\n\n";
  EXPECT_EQ(serialize(head), head.exact);
  EXPECT_EQ(serialize_fields({{"A", "1"}, {"A", "2"}}), "A: 1\r\nA: 2\r\n");
  EXPECT_EQ(serialize_fields({}), "");
}

}  // namespace
}  // namespace recshim::http
