// Connections to hosts that are not configured: what passes, and what is stopped.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/gateway/support.h"

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace recshim::gateway::testing {
namespace {

constexpr auto kOthers = "GET /a HTTP/1.1\r\nHost: other.test\r\n\r\n";

class WatchedTest : public ::testing::Test {
 protected:
  void open(const std::string& mode, uint16_t server_port = 1, uint16_t port = 80) {
    lab_.load(mode, server_port);
    connect(port);
  }
  void connect(uint16_t port) {
    std::array<int, 2> pair{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
    control::Handover handover;
    handover.host = "127.0.0.1";
    handover.port = port;
    handover.watched = true;
    server_ = std::make_unique<Wire>(pair[1]);
    client_ = lab_.hand_over(handover, "", pair[0]);
  }

  Lab lab_;
  std::unique_ptr<Wire> client_;
  std::unique_ptr<Wire> server_;
};

TEST_F(WatchedTest, WhatIsForOthersPassesBothWays) {
  open("replay");
  server_->write("220 the server speaks first\r\n");
  EXPECT_THAT(client_->read_until("\r\n"), HasSubstr("first"));
  client_->write("EHLO a\r\n");
  EXPECT_EQ(server_->read_until("\r\n"), "EHLO a\r\n");
  // Without an end of line it can't be told for a while.
  connect(80);
  client_->write("ping");
  EXPECT_EQ(server_->read_n(4), "ping");
  // Requests, whole and in pieces, and what follows them.
  connect(80);
  for (int i = 0; i < 2; ++i) {
    client_->write("POST / HTTP/1.1\r\nHo");
    client_->write("st: other.test\r\nContent-Length: 3\r\n\r\nabc");
    EXPECT_THAT(server_->read_until("abc"), HasSubstr("Host: other.test"));
    server_->write(answer("yes"));
    EXPECT_THAT(client_->read_until("yes"), HasSubstr("200 OK"));
  }
  EXPECT_THAT(lab_.outcomes(), IsEmpty());
}

TEST_F(WatchedTest, EachSideEndsByItself) {
  open("replay");
  client_->write("one\n");
  server_->write("two\n");
  EXPECT_EQ(client_->read_n(4), "two\n");
  server_->close();
  EXPECT_EQ(client_->read_to_end(), "");
  EXPECT_EQ(client_->end(), "eof");
  client_->close();
  lab_.join();
  connect(80);
  client_->write("last words");
  client_->close();
  EXPECT_EQ(server_->read_to_end(), "last words");
  EXPECT_EQ(server_->end(), "eof");
  server_->close();
  lab_.join();
}

TEST_F(WatchedTest, MuchPassesBothWaysAtOnce) {
  constexpr size_t kBytes = 20'000'000;
  open("replay");
  const std::string bytes(kBytes, '\x01');
  std::jthread echo([&] {
    for (size_t left = kBytes; left > 0;) {
      const std::string piece = server_->read_n(std::min<size_t>(left, 65536));
      if (piece.empty() || !server_->write(piece)) return;
      left -= piece.size();
    }
  });
  std::jthread writer([&] { client_->write(bytes); });
  EXPECT_TRUE(client_->read_n(kBytes) == bytes);
}

TEST_F(WatchedTest, WhatNamesAConfiguredHostIsStopped) {
  for (const std::string mode : {"replay", "record-if-missing"}) {
    open(mode);
    client_->write(kOthers);
    EXPECT_EQ(server_->read_n(std::string(kOthers).size()), kOthers);
    client_->write("GET /secret HT");
    client_->write("TP/1.1\r\nHost: api.test\r\n\r\n");
    EXPECT_EQ(server_->read_to_end(), "");
    EXPECT_EQ(client_->read_to_end(), "");
  }
  EXPECT_THAT(lab_.outcomes(), ElementsAre("refused", "refused"));
}

TEST_F(WatchedTest, WhatNamesAConfiguredHostIsRecorded) {
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write(answer("hello"));
        wire.read_to_end();
      },
      nullptr);
  open("record", server.port());
  client_->write(get("/b"));
  EXPECT_THAT(client_->read_until("hello"), HasSubstr("200 OK"));
  client_->close();
  lab_.join();
  EXPECT_EQ(server_->read_to_end(), "") << "its own connection is not used";
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
  EXPECT_EQ(lab_.recordings().size(), 1U);
}

TEST_F(WatchedTest, TlsIsRecordedByItsName) {
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write(answer("hello"));
        wire.read_to_end();
      },
      &lab_.real_authority());
  open("record", server.port(), 443);
  ASSERT_TRUE(client_->connect_tls(lab_.client_context(), "api.test")) << client_->problem();
  client_->write(get("/c"));
  EXPECT_THAT(client_->read_until("hello"), HasSubstr("200 OK"));
  client_->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
}

TEST_F(WatchedTest, WhatWasBegunForOthersIsNotRecorded) {
  open("record");
  client_->write(kOthers);
  EXPECT_EQ(server_->read_n(std::string(kOthers).size()), kOthers);
  client_->write(get("/d"));
  EXPECT_EQ(server_->read_until("\r\n\r\n"), get("/d"));
  client_->close();
  server_->close();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("unrecorded"));
}

}  // namespace
}  // namespace recshim::gateway::testing
