#include "shim/http/http2_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recshim::http {
namespace {

using ::testing::ElementsAre;

TEST(Http2Message, ARequestHasItsAuthorityAsHostAndOneCookie) {
  const auto head = http2_request({{":method", "POST"},
                                   {":scheme", "https"},
                                   {":path", "/a?b"},
                                   {":authority", "api.test:8443"},
                                   {"cookie", "a=1"},
                                   {"x", "y"},
                                   {"cookie", "b=2"}});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, "POST");
  EXPECT_EQ(head->target, "/a?b");
  EXPECT_EQ(head->version, "2");
  EXPECT_THAT(head->headers, ElementsAre(Header{"host", "api.test:8443"},
                                         Header{"cookie", "a=1; b=2"}, Header{"x", "y"}));
}

TEST(Http2Message, WithoutItsPseudoHeadersItIsNone) {
  EXPECT_FALSE(http2_request({{":method", "GET"}}));
  EXPECT_FALSE(http2_request({{":path", "/"}}));
  EXPECT_EQ(http2_request({{":method", "CONNECT"}, {":authority", "a:1"}})->target, "a:1");
  EXPECT_FALSE(http2_response({{"a", "b"}}));
  EXPECT_FALSE(http2_response({{":status", "20"}}));
  EXPECT_FALSE(http2_response({{":status", "2x0"}}));
}

TEST(Http2Message, FramingAndConnectionStayBehind) {
  ResponseHead head;
  head.status = 200;
  head.headers = {{"Content-Type", "text/plain"},
                  {"Transfer-Encoding", "chunked"},
                  {"Connection", "keep-alive"},
                  {"Keep-Alive", "timeout=5"},
                  {"Upgrade", "h2c"},
                  {"X-A", "B"}};
  EXPECT_THAT(http2_fields(head),
              ElementsAre(Header{":status", "200"}, Header{"content-type", "text/plain"},
                          Header{"x-a", "B"}));
}

TEST(Http2Message, ARequestGoesThereAndBack) {
  const Headers fields = {{":method", "GET"},
                          {":scheme", "https"},
                          {":authority", "api.test"},
                          {":path", "/"},
                          {"te", "trailers"}};
  EXPECT_EQ(http2_fields(*http2_request(fields), "https"), fields);
}

TEST(Http2Message, OverHttp1ItIsFramedAsItsBodyIs) {
  ResponseHead head = *http2_response({{":status", "200"}, {"a", "b"}});
  EXPECT_EQ(serialize(http1_response(head, Framing::kChunked, false)),
            "HTTP/1.1 200 \r\na: b\r\ntransfer-encoding: chunked\r\n\r\n");
  EXPECT_EQ(serialize(http1_response(head, Framing::kNone, false)),
            "HTTP/1.1 200 \r\na: b\r\ncontent-length: 0\r\n\r\n");
  EXPECT_EQ(serialize(http1_response(head, Framing::kNone, true)), "HTTP/1.1 200 \r\na: b\r\n\r\n");
  EXPECT_EQ(serialize(http1_response(head, Framing::kLength, false)),
            "HTTP/1.1 200 \r\na: b\r\n\r\n");
  head.status = 304;
  EXPECT_EQ(serialize(http1_response(head, Framing::kNone, false)),
            "HTTP/1.1 304 \r\na: b\r\n\r\n");
  head.version = "1.0";
  EXPECT_EQ(http1_response(head, Framing::kChunked, false).version, "1.0");
}

}  // namespace
}  // namespace recshim::http
