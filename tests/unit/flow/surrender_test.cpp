// What becomes of a replayed connection when a real server is to answer: the request goes on
// elsewhere (answered_elsewhere), or the whole connection does (surrender).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shim/flow/request_wire.h"
#include "tests/unit/flow/transcript.h"

namespace recshim::flow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr auto kGet = "GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n";
constexpr auto kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
constexpr auto kChunkedPost =
    "POST /c HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n";

class Surrender : public ::testing::Test {
 protected:
  // Sends bytes piece by piece, lets every body come, and keeps the request of the last Find.
  std::vector<std::string> send(const std::string& bytes, const Splitter& split = whole) {
    std::vector<std::string> texts;
    for (const auto& piece : split(bytes)) {
      Commands commands;
      connection_.on_client_bytes(piece, 1, commands);
      take(commands, texts);
    }
    return texts;
  }
  void take(Commands& commands, std::vector<std::string>& texts) {
    for (auto& command : commands) {
      texts.push_back(describe(command));
      if (auto* find = std::get_if<Find>(&command)) asked_ = std::move(find->request);
      if (std::holds_alternative<FindEarly>(command)) {
        Commands more;
        connection_.continue_body(1, more);
        take(more, texts);
      }
    }
  }
  std::vector<std::string> answer_elsewhere(std::optional<End> end = std::nullopt) {
    Commands commands;
    connection_.answered_elsewhere(end, 2, commands);
    std::vector<std::string> texts;
    take(commands, texts);
    return texts;
  }
  void deliver() {
    Commands commands;
    connection_.deliver(record_one(kGet, kAnswer), 2, commands);
    std::vector<std::string> texts;
    take(commands, texts);
  }
  void surrender() {
    const Status status = connection_.surrender(
        *asked_,
        [&](std::string_view bytes) {
          to_client_ += bytes;
          return true;
        },
        [&](std::string_view bytes) {
          from_client_ += bytes;
          return true;
        });
    EXPECT_TRUE(status.ok());
  }

  Scene scene_;
  ReplayConnection connection_{scene_.origin, scene_.is_proxy, scene_.settings};
  std::unique_ptr<http::Exchange> asked_;
  std::string to_client_;
  std::string from_client_;
};

TEST_F(Surrender, TheNextRequestFollowsAFetchedOne) {
  EXPECT_THAT(send(std::string(kGet) + "GET /b HTTP/1.1\r\n\r\n"),
              ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(answer_elsewhere(), ElementsAre("find GET http://api.test/b"));
  EXPECT_THAT(answer_elsewhere(), IsEmpty());
  EXPECT_FALSE(connection_.end_after_output());
  EXPECT_EQ(take_output(connection_), "");
}

TEST_F(Surrender, AFetchedResponseMayEndTheConnection) {
  send(kGet);
  EXPECT_THAT(answer_elsewhere(End::kReset), IsEmpty());
  EXPECT_EQ(connection_.end_after_output(), End::kReset);
  EXPECT_THAT(send(kGet), IsEmpty());
}

TEST_F(Surrender, AClientThatAsksToCloseIsClosed) {
  send("GET /a HTTP/1.1\r\nConnection: close\r\n\r\n");
  answer_elsewhere();
  EXPECT_EQ(connection_.end_after_output(), End::kEof);
}

TEST_F(Surrender, NothingAskedNothingAnswered) {
  EXPECT_THAT(answer_elsewhere(End::kReset), IsEmpty());
  EXPECT_FALSE(connection_.end_after_output());
}

class SurrenderInPieces : public Surrender, public ::testing::WithParamInterface<bool> {};

TEST_P(SurrenderInPieces, GivesAllThatIsNotServed) {
  const Splitter split = GetParam() ? Splitter(byte_by_byte) : Splitter(whole);
  const std::string begun = "POST /d HTTP/1.1\r\nContent-Le";
  send(kGet, split);
  deliver();
  send(std::string(kChunkedPost) + kGet + begun, split);
  ASSERT_EQ(asked_->request.target, "/c");
  surrender();
  EXPECT_EQ(to_client_, kAnswer);
  EXPECT_EQ(from_client_, std::string(kChunkedPost) + kGet + begun);
  EXPECT_THAT(send(kGet), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, SurrenderInPieces, ::testing::Bool());

TEST_F(Surrender, WhatTheProgramHasReadIsNotGivenAgain) {
  send(kGet);
  deliver();
  EXPECT_EQ(take_output(connection_), kAnswer);
  send(kGet);
  surrender();
  EXPECT_EQ(to_client_, "");
  EXPECT_EQ(from_client_, kGet);
}

TEST_F(Surrender, TheBodyComesWithoutBeingAskedFor) {
  send("PUT /p HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_EQ(take_output(connection_), "HTTP/1.1 100 Continue\r\n\r\n");
  send("xyz");
  surrender();
  EXPECT_EQ(from_client_, "PUT /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz");
}

TEST_F(Surrender, ASinkThatHasEnoughStops) {
  send(kChunkedPost);
  int calls = 0;
  EXPECT_TRUE(write_request(*asked_, [&](std::string_view) { return ++calls < 2; }).ok());
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace recshim::flow::test
