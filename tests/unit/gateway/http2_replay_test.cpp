// Replay over HTTP/2 of what was recorded over HTTP/1.1.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/http2_client.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Case: "
    "Kept\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n"
    "X-Sum: 5\r\n\r\n";
constexpr size_t kBigBytes = 150'000;

http::Header status(const std::string& code) {
  return {":status", code};
}

// A lab whose recordings hold /a (by length), /b (chunked, with trailers), /big, a POST of "body"
// to /post, and /cut (cut off by the server).
class Http2Replay : public ::testing::TestWithParam<bool> {
 protected:
  Http2Replay() {
    Server server(
        [](Wire& wire) {
          wire.read_until("\r\n\r\n");
          wire.write(answer("one"));
          wire.read_until("\r\n\r\n");
          wire.write(kChunked);
          wire.read_until("\r\n\r\n");
          wire.write(answer(std::string(kBigBytes, 'x')));
          wire.read_until("body");
          wire.write(answer("posted"));
          wire.read_until("\r\n\r\n");
          wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
          wire.close();
        },
        &lab_.real_authority());
    lab_.load("record", server.port());
    const auto wire = lab_.hand_over_tls();
    EXPECT_NE(wire, nullptr) << lab_.client_problem();
    if (!wire) return;
    wire->write(testing::get("/a"));
    wire->read_until("one");
    wire->write(testing::get("/b"));
    wire->read_until("X-Sum: 5\r\n\r\n");
    wire->write(testing::get("/big"));
    wire->read_n(answer(std::string(kBigBytes, 'x')).size());
    wire->write("POST /post HTTP/1.1\r\nHost: api.test\r\nContent-Length: 4\r\n\r\nbody");
    wire->read_until("posted");
    wire->write(testing::get("/cut"));
    wire->read_to_end();
    wire->close();
    lab_.join();
  }

  // A connection that speaks HTTP/2, by ALPN or (plain) by prior knowledge.
  std::unique_ptr<Wire> connect() {
    if (GetParam()) {
      control::Handover handover;
      handover.plaintext = true;
      return lab_.hand_over(handover);
    }
    SSL_CTX_set_alpn_protos(lab_.client_context(), reinterpret_cast<const unsigned char*>("\2h2"),
                            3);
    auto wire = lab_.hand_over_tls();
    EXPECT_NE(wire, nullptr) << lab_.client_problem();
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(wire->ssl(), &chosen, &size);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "h2");
    return wire;
  }
  Lab lab_;
};

TEST_P(Http2Replay, AnswersManyStreamsAtOnce) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  const int32_t big = client.get("/big");
  const int32_t one = client.get("/a");
  const int32_t chunked = client.get("/b");
  client.await(big);
  EXPECT_EQ(client.stream(big).body.size(), kBigBytes);
  const auto& b = client.await(chunked);
  EXPECT_EQ(b.body, "abcde");
  EXPECT_EQ(b.frames, 2);  // as the chunks were
  EXPECT_THAT(b.head, ElementsAre(status("200"), http::Header{"x-case", "Kept"}));
  EXPECT_THAT(b.trailers, ElementsAre(http::Header{"x-sum", "5"}));
  EXPECT_EQ(client.await(one).body, "one");
  EXPECT_THAT(client.stream(one).head, Contains(http::Header{"content-length", "3"}));
  wire->close();
  EXPECT_THAT(lab_.outcomes(), Contains("hit").Times(3));
}

TEST_P(Http2Replay, AStreamThatIsNotReadHoldsUpNobody) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  // Its body never ends, so it is not answered.
  const http::Headers post = {
      {":method", "POST"}, {":scheme", "https"}, {":authority", "api.test"}, {":path", "/post"}};
  const int32_t waiting = client.ask(post, "bo", /*holds_back=*/true);
  EXPECT_EQ(client.await(client.get("/a")).body, "one");
  EXPECT_FALSE(client.stream(waiting).closed);
  EXPECT_EQ(client.await(client.ask(post, "body")).body, "posted");
  client.cancel(waiting);
  EXPECT_EQ(client.await(client.get("/a")).body, "one");
  wire->close();
  EXPECT_THAT(lab_.told(), HasSubstr("/post was given up by the program"));
}

TEST_P(Http2Replay, AMissIsTold) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  const auto& missed = client.await(client.get("/none"));
  EXPECT_THAT(missed.head, Contains(status("424")));
  EXPECT_THAT(missed.body, HasSubstr("recshim_miss"));
  // gRPC has its own way.
  const auto& call = client.await(client.ask({{":method", "POST"},
                                              {":scheme", "https"},
                                              {":authority", "api.test"},
                                              {":path", "/test.Calls/Unary"},
                                              {"content-type", "application/grpc"},
                                              {"te", "trailers"}},
                                             std::string("\0\0\0\0\1x", 6)));
  EXPECT_THAT(call.head, Contains(status("200")));
  EXPECT_THAT(call.head, Contains(http::Header{"grpc-status", "9"}));
  EXPECT_EQ(call.body, "");
  wire->close();
  EXPECT_THAT(lab_.told(), HasSubstr("/none"));
  EXPECT_THAT(lab_.outcomes(), Contains("miss").Times(2));
}

TEST_P(Http2Replay, WhatWasCutOffIsReset) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  const auto& cut = client.await(client.get("/cut"));
  EXPECT_EQ(cut.body, "abc");
  EXPECT_EQ(cut.error, static_cast<uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(client.await(client.get("/a")).body, "one");
}

TEST_P(Http2Replay, PingsAreAnswered) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  client.send();
  client.ping();
  EXPECT_TRUE(client.await_pong());
}

TEST_P(Http2Replay, BytesMayComeOneByOne) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire, /*pieces=*/true);
  EXPECT_EQ(client.await(client.get("/b")).body, "abcde");
}

TEST_P(Http2Replay, ABreachOfTheProtocolEndsTheConnection) {
  lab_.load("replay", 1);
  const auto wire = connect();
  Http2Client client(*wire);
  client.send();
  wire->write(std::string("\0\0\1\0\0\0\0\0\0x", 10));  // DATA on the connection's own stream
  client.read_to_end();
  EXPECT_TRUE(client.told_to_go());
}

INSTANTIATE_TEST_SUITE_P(Doors, Http2Replay, ::testing::Bool(), [](const auto& tested) {
  return tested.param ? std::string("plain") : std::string("tls");
});

}  // namespace
}  // namespace recshim::gateway::testing
