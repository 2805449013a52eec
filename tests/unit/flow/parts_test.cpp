// The small parts: origins, end marks of streams, the miss response.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "shim/flow/miss.h"
#include "shim/flow/origin.h"
#include "shim/flow/stream_end.h"

namespace recshim::flow {
namespace {

TEST(Origin, AuthoritiesAreTakenApart) {
  const auto o = parse_authority("Example.COM:8080", 0);
  ASSERT_TRUE(o);
  EXPECT_EQ(o->host, "example.com");
  EXPECT_EQ(o->port, 8080);
  EXPECT_EQ(parse_authority("[2001:db8::1]:443", 0)->host, "2001:db8::1");
  EXPECT_EQ(parse_authority("[::1]", 80)->port, 80);
  EXPECT_EQ(parse_authority("user:pw@h", 80)->host, "h");
  for (const auto* bad : {"", ":80", "h:", "h:0", "h:65536", "h:8x", "[::1", "[::1]80", "h"}) {
    EXPECT_FALSE(parse_authority(bad, 0)) << bad;
  }
}

TEST(Origin, OnlyAbsoluteTargetsNameOne) {
  EXPECT_EQ(*absolute_target_origin("HTTP://Ex.Ample/a?b=http://c/"),
            (http::Origin{"http", "ex.ample", 80}));
  EXPECT_EQ(*absolute_target_origin("https://h?x"), (http::Origin{"https", "h", 443}));
  for (const auto* other : {"/a?b=http://c/", "*", "h:443", "ftp://h/", "http:///x"}) {
    EXPECT_FALSE(absolute_target_origin(other)) << other;
  }
}

TEST(Origin, NumericHosts) {
  for (const auto* numeric : {"127.0.0.1", "::1", "fe80::1%eth0", "::ffff:1.2.3.4"}) {
    EXPECT_TRUE(is_numeric_host(numeric)) << numeric;
  }
  for (const auto* name : {"", "a.b.c.d", "1.2.3", "localhost", "1.2.3.4.example"}) {
    EXPECT_FALSE(is_numeric_host(name)) << name;
  }
}

bool over(std::string_view type, std::string_view body, std::string_view encoding = "") {
  http::ResponseHead head;
  head.headers.push_back({"content-type", std::string(type)});
  if (!encoding.empty()) head.headers.push_back({"content-encoding", std::string(encoding)});
  return stream_is_over(head, Body(std::string(body)));
}

TEST(StreamEnd, ServerSentEvents) {
  constexpr auto kSse = "text/event-stream; charset=utf-8";
  EXPECT_TRUE(over(kSse, "data: {}\n\ndata: [DONE]\n\n"));
  EXPECT_TRUE(over(kSse, "data: {}\r\n\r\ndata:[DONE]\r\n\r\n: bye\r\n\r\n"));
  EXPECT_TRUE(over(kSse, "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
  EXPECT_TRUE(over(kSse, "event: response.completed\ndata: {\ndata: }\n\n"));
  EXPECT_TRUE(over(kSse, "data: {\"type\":\"response.failed\"}\n\n"));
  EXPECT_FALSE(over(kSse, "data: {\"type\":\"response.failed\"}\n"));
  EXPECT_FALSE(over(kSse, "event: message_stop\ndata: {\"type\":\"message_st"));
  EXPECT_FALSE(over(kSse, "data: [DONE]\n\ndata: more\n\n"));
  EXPECT_FALSE(over(kSse, "data: say [DONE]\n\n"));
  EXPECT_FALSE(over(kSse, "event: ping\ndata: [1]\n\n"));
  EXPECT_FALSE(over(kSse, ""));
  EXPECT_FALSE(over(kSse, "\n\n\n"));
  EXPECT_FALSE(over(kSse, "data: [DONE]\n\n", "gzip"));
  EXPECT_TRUE(over(kSse, "data: [DONE]\n\n", "identity"));
  EXPECT_FALSE(over("text/plain", "data: [DONE]\n\n"));
}

TEST(StreamEnd, Ndjson) {
  constexpr auto kLines = "application/x-ndjson";
  EXPECT_TRUE(over(kLines, "{\"done\":false}\n{\"done\":true,\"x\":1}\n"));
  EXPECT_FALSE(over(kLines, "{\"done\":true}\n{\"done\":false}\n"));
  EXPECT_FALSE(over(kLines, "{\"done\":true}\n{\"do"));
  EXPECT_FALSE(over(kLines, "{\"done\":\"true\"}\n"));
  EXPECT_FALSE(over(kLines, "[true]\n"));
  EXPECT_FALSE(over(kLines, std::string(20000, '[')));
}

TEST(Miss, IsAnErrorThatSdksUnderstand) {
  const std::string wire = render_miss("abc123", "no \"recording\"\nfor \xff", false, false);
  const auto split = wire.find("\r\n\r\n");
  ASSERT_NE(split, std::string::npos);
  const std::string head = wire.substr(0, split + 2);
  const std::string body = wire.substr(split + 4);
  EXPECT_THAT(head, ::testing::StartsWith("HTTP/1.1 424 Failed Dependency\r\n"));
  EXPECT_THAT(head, ::testing::HasSubstr("X-Recshim-Miss: abc123\r\n"));
  EXPECT_THAT(head, ::testing::HasSubstr("X-Should-Retry: false\r\n"));
  EXPECT_THAT(head, ::testing::HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(head,
              ::testing::HasSubstr("Content-Length: " + std::to_string(body.size()) + "\r\n"));
  EXPECT_THAT(head, ::testing::Not(::testing::HasSubstr("Date")));
  const auto error = nlohmann::json::parse(body).at("error");
  EXPECT_EQ(error.at("type"), "recshim_miss");
  EXPECT_EQ(error.at("code"), "recshim_miss");
  EXPECT_TRUE(error.at("param").is_null());
  EXPECT_THAT(error.at("message").get<std::string>(),
              ::testing::StartsWith("no \"recording\"\nfor"));
}

TEST(Miss, KeyCanNotBreakTheHead) {
  EXPECT_THAT(render_miss("a\r\nX-Evil: 1", "", true, true),
              ::testing::AllOf(::testing::HasSubstr("X-Recshim-Miss: aX-Evil:1\r\n"),
                               ::testing::HasSubstr("Connection: close\r\n"),
                               ::testing::EndsWith("\r\n\r\n")));
}

}  // namespace
}  // namespace recshim::flow
