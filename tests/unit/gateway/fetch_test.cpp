// record-if-missing: what is there is replayed, what is not is fetched, once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shim/control/names.h"
#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Answers every request with its target, until the client closes.
void echo_targets(Wire& wire) {
  for (;;) {
    const std::string head = wire.read_until("\r\n\r\n");
    if (!head.ends_with("\r\n\r\n")) return;
    const size_t start = head.find(' ') + 1;
    wire.write(answer(head.substr(start, head.find(' ', start) - start)));
  }
}

class FetchTest : public ::testing::Test {
 protected:
  std::unique_ptr<Wire> plaintext(const std::string& raw = "") {
    control::Handover handover;
    handover.plaintext = true;
    return lab_.hand_over(handover, raw);
  }
  Lab lab_;
};

TEST_F(FetchTest, MissesAreFetchedAndWhatIsPolledIsFetchedEachTime) {
  {
    Server server(echo_targets, &lab_.real_authority());
    lab_.load("record-if-missing", server.port());
    // Pipelined: the second waits for the first, over the same connection to the server.
    const auto wire = plaintext(get("/a") + get("/b"));
    EXPECT_EQ(wire->read_until("\r\n\r\n/b"), answer("/a") + answer("/b"));
    wire->write(get("/a") + get("/c") + get("/b"));
    EXPECT_EQ(wire->read_until("\r\n\r\n/b"), answer("/a") + answer("/c") + answer("/b"));
    wire->close();
    lab_.join();
    EXPECT_EQ(server.connections(), 1);
    // What is asked again in the session that records it is polled: fetched and appended.
    EXPECT_THAT(lab_.outcomes(),
                ElementsAre("recorded", "recorded", "recorded", "recorded", "recorded"));
    EXPECT_EQ(lab_.recordings().size(), 5u);
  }
  // The server is gone.
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr) << lab_.client_problem();
  wire->write(get("/new"));
  EXPECT_EQ(wire->read_to_end(), "");
  EXPECT_THAT(lab_.told(),
              HasSubstr("GET https://api.test/new has no recording, and it could not be fetched"));
  EXPECT_THAT(lab_.outcomes().back(), "refused");
}

TEST_F(FetchTest, ADeclinedUpgradeIsRecordedAndAnAcceptedOneIsNot) {
  const std::string upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
  const std::string declined =
      "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nno";
  Server server(
      [&](Wire& wire) {
        for (;;) {
          const std::string head = wire.read_until("\r\n\r\n");
          if (!head.ends_with("\r\n\r\n")) return;
          const bool accepts = head.find("/accepts") != std::string::npos;
          wire.write(accepts ? "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nhi"
                             : declined);
        }
      },
      &lab_.real_authority());
  lab_.load("record-if-missing", server.port());
  const auto wire = plaintext(get("/ws", upgrade));
  EXPECT_EQ(wire->read_until("no"), declined);
  wire->write(get("/ws", upgrade));
  EXPECT_EQ(wire->read_until("no"), declined);
  // What a plain request gets is no answer to an upgrade.
  wire->write(get("/plain") + get("/plain", upgrade));
  EXPECT_EQ(wire->read_until("no") + wire->read_until("no"), declined + declined);
  wire->write(get("/accepts", upgrade));
  EXPECT_EQ(wire->read_to_end(), "");
  lab_.join();
  EXPECT_THAT(lab_.outcomes(),
              ElementsAre("recorded", "recorded", "recorded", "recorded", "unrecorded"));
}

TEST_F(FetchTest, AConnectionThatTheServerHasClosedIsMadeAnew) {
  Server server(
      [](Wire& wire) {
        const std::string head = wire.read_until("\r\n\r\n");
        if (head.find("/late") != std::string::npos) wire.write(answer("late"));
        if (head.find("/early") != std::string::npos) wire.write(answer("early"));
      },
      &lab_.real_authority());
  lab_.load("record-if-missing", server.port());
  const auto wire = plaintext(get("/early"));
  EXPECT_EQ(wire->read_until("\r\n\r\nearly"), answer("early"));
  wire->write(get("/late"));
  EXPECT_EQ(wire->read_until("\r\n\r\nlate"), answer("late"));
  EXPECT_EQ(server.connections(), 2);
}

TEST_F(FetchTest, AStreamComesAsItIsSent) {
  std::atomic<bool> first_seen{false};
  Server server(
      [&](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        for (int i = 0; i < 1000 && !first_seen; ++i) usleep(10'000);
        EXPECT_TRUE(first_seen);
        wire.write("2\r\nde\r\n0\r\n\r\n");
        wire.read_to_end();
      },
      &lab_.real_authority());
  lab_.load("record-if-missing", server.port());
  const auto wire = plaintext(get("/a"));
  wire->read_until("abc\r\n");
  EXPECT_THAT(lab_.recordings(), IsEmpty());
  first_seen = true;
  wire->read_until("0\r\n\r\n");
  EXPECT_EQ(lab_.recordings().size(), 1u);
}

TEST_F(FetchTest, BodiesGoOverWholeInBothFramings) {
  Server server(
      [](Wire& wire) {
        const std::string first = wire.read_until("last");
        wire.write(answer(first.substr(first.find("\r\n\r\n") + 4)));
        const std::string second = wire.read_until("0\r\n\r\n");
        wire.write(answer(second.substr(second.find("\r\n\r\n") + 4)));
        wire.read_to_end();
      },
      &lab_.real_authority());
  lab_.load("record-if-missing", server.port());
  const auto wire = plaintext("POST /l HTTP/1.1\r\nContent-Length: 8\r\n\r\nthe last");
  EXPECT_EQ(wire->read_until("\r\n\r\nthe last"), answer("the last"));
  wire->write("POST /c HTTP/1.1\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(wire->read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire->write("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n");
  wire->read_until("\r\n\r\n");
  EXPECT_EQ(wire->read_until("0\r\n\r\n"), "3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(FetchTest, ErrorsReachTheProgramAndAreRecordedWhereAsked) {
  for (const bool record_errors : {false, true}) {
    const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    const std::string cut = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf";
    Server server(
        [&](Wire& wire) {
          const std::string head = wire.read_until("\r\n\r\n");
          wire.write(head.find("/busy") != std::string::npos ? busy : cut);
        },
        &lab_.real_authority());
    if (record_errors) lab_.config = R"({"record_errors": true})";
    lab_.load("record-if-missing", server.port());
    const auto wire = plaintext(get("/busy"));
    EXPECT_EQ(wire->read_until("\r\n\r\n"), busy);
    wire->write(get("/cut"));
    EXPECT_EQ(wire->read_to_end(), cut);
    lab_.join();
    EXPECT_EQ(lab_.recordings().size(), record_errors ? 2u : 0u);
  }
}

TEST_F(FetchTest, AServerThatIsNotTrustedOrSaysNothingIsAFailedConnection) {
  Server silent([](Wire& wire) { wire.read_until("\r\n\r\n"); }, &lab_.real_authority());
  lab_.load("record-if-missing", silent.port());
  EXPECT_EQ(plaintext(get("/a"))->read_to_end(), "");
  EXPECT_THAT(lab_.told(), HasSubstr("without an answer"));

  lab_.variables["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt";
  lab_.load("record-if-missing", silent.port());
  EXPECT_EQ(plaintext(get("/a"))->read_to_end(), "");
  EXPECT_THAT(lab_.told(), HasSubstr("certificate"));
  EXPECT_THAT(lab_.recordings(), IsEmpty());
}

TEST_F(FetchTest, WhatAServerMayHaveDoneIsNotAskedForTwice) {
  // It answers one request of a connection, reads another, and closes.
  std::atomic<int> asked{0};
  Server server(
      [&](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write(answer("first"));
        if (!wire.read_until("\r\n\r\n").empty()) ++asked;
      },
      &lab_.real_authority());
  lab_.load("record-if-missing", server.port());
  const auto poster = plaintext(get("/a"));
  EXPECT_THAT(poster->read_until("first"), HasSubstr("200 OK"));
  poster->write("POST /b HTTP/1.1\r\nHost: api.test\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(poster->read_to_end(), "");
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(server.connections(), 1);
  const auto getter = plaintext(get("/c"));
  EXPECT_THAT(getter->read_until("first"), HasSubstr("200 OK"));
  getter->write(get("/d"));
  EXPECT_THAT(getter->read_until("first"), HasSubstr("200 OK"));
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(server.connections(), 3);
}

TEST_F(FetchTest, TheRequestForAProxyGoesToTheProxy) {
  Server proxy(
      [](Wire& wire) {
        const std::string head = wire.read_until("\r\n\r\n");
        wire.write(answer(head.substr(0, head.find('\r'))));
      },
      nullptr);
  lab_.variables[control::kConnectToVariable] =
      "proxy.test:3128=127.0.0.1:" + std::to_string(proxy.port());
  lab_.load("record-if-missing", 0);
  control::Handover handover;
  handover.host = "proxy.test";
  handover.port = 3128;
  handover.proxy = true;
  const auto ours = lab_.hand_over(handover, get("http://api.test/x", "Connection: close\r\n"));
  EXPECT_THAT(ours->read_to_end(), HasSubstr("GET http://api.test/x HTTP/1.1"));
  const auto others = lab_.hand_over(handover, get("http://other.test/"));
  EXPECT_THAT(others->read_to_end(), HasSubstr("GET http://other.test/ HTTP/1.1"));
  ours->close();
  others->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
}

TEST_F(FetchTest, ABigAnswerForASlowClientCostsLittleMemory) {
  constexpr size_t kBytes = 200'000'000;
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n");
        const std::string block(1'000'000, 'x');
        for (size_t i = 0; i < kBytes / block.size() && wire.write(block); ++i) {
        }
        wire.read_to_end();
      },
      nullptr);
  lab_.load("record-if-missing", server.port());
  control::Handover handover;
  handover.port = 80;
  const auto wire = lab_.hand_over(handover, get("/big"));
  wire->read_until("\r\n\r\n");
  size_t got = 0;
  for (std::string piece; got < kBytes; got += piece.size()) {
    piece = wire->read_n(std::min<size_t>(kBytes - got, 1'000'000));
    if (piece.empty()) break;
  }
  EXPECT_EQ(got, kBytes);
  // And so does its recording, which is a file beside.
  wire->write(get("/big"));
  wire->read_until("\r\n\r\n");
  for (got = 0; got < kBytes;) {
    const std::string piece = wire->read_n(std::min<size_t>(kBytes - got, 1'000'000));
    if (piece.empty()) break;
    got += piece.size();
  }
  EXPECT_EQ(got, kBytes);
#ifndef __SANITIZE_ADDRESS__  // which keeps what has been freed for a while
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) {
      EXPECT_LT(std::stol(line.substr(6)), 150'000) << "kB at most in memory";
    }
  }
#endif
}

}  // namespace
}  // namespace recshim::gateway::testing
