// Record through the gateway: a relay that changes nothing, and servers that can't be had.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RecordTest : public ::testing::Test {
 protected:
  Lab lab_;
};

TEST_F(RecordTest, AStreamComesAsItIsSentAndItsRecordingBeforeItsEnd) {
  std::atomic<bool> first_seen{false};
  Server server(
      [&](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        for (int i = 0; i < 1000 && !first_seen; ++i) usleep(10'000);
        EXPECT_TRUE(first_seen) << "the first chunk waits for the second";
        wire.write("2\r\nde\r\n0\r\n\r\n");
        wire.read_to_end();
      },
      &lab_.real_authority());
  lab_.load("record", server.port());
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr) << lab_.client_problem();
  wire->write(get("/a"));
  wire->read_until("abc\r\n");
  first_seen = true;
  wire->read_until("0\r\n\r\n");
  EXPECT_EQ(lab_.recordings().size(), 1u);
}

TEST_F(RecordTest, BothDirectionsFlowAtOnce) {
  constexpr size_t kBytes = 20'000'000;
  // An echo: neither side could send all before it reads.
  Server server(
      [&](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBytes) + "\r\n\r\n");
        for (size_t left = kBytes; left > 0;) {
          const std::string piece = wire.read_n(std::min<size_t>(left, 65536));
          if (piece.empty() || !wire.write(piece)) return;
          left -= piece.size();
        }
        wire.read_to_end();
      },
      nullptr);
  lab_.load("record", server.port());
  control::Handover handover;
  handover.port = 80;
  const auto wire = lab_.hand_over(handover);
  std::string body(kBytes, 'x');
  for (size_t i = 0; i < kBytes; i += 997) body[i] = static_cast<char>('a' + i % 26);
  std::jthread writer([&] {
    wire->write("POST /e HTTP/1.1\r\nHost: api.test\r\nContent-Length: " + std::to_string(kBytes) +
                "\r\n\r\n" + body);
  });
  wire->read_until("\r\n\r\n");
  EXPECT_TRUE(wire->read_n(kBytes) == body);
  writer.join();
  wire->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
}

TEST_F(RecordTest, AServerMaySpeakFirst) {
  Server server(
      [](Wire& wire) {
        wire.write("220 hello\r\n");
        EXPECT_EQ(wire.read_until("\r\n"), "EHLO a\r\n");
        wire.write("250 ok\r\n");
        wire.read_to_end();
      },
      nullptr);
  lab_.load("record", server.port());
  control::Handover handover;
  handover.port = 80;
  const auto wire = lab_.hand_over(handover);
  EXPECT_EQ(wire->read_until("\r\n"), "220 hello\r\n");
  wire->write("EHLO a\r\n");
  EXPECT_EQ(wire->read_until("\r\n"), "250 ok\r\n");
  wire->close();
  lab_.join();
  EXPECT_THAT(lab_.recordings(), IsEmpty());
}

TEST_F(RecordTest, AClientMayTakeItsTime) {
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write(answer("late"));
        wire.read_to_end();
      },
      &lab_.real_authority());
  lab_.load("record", server.port());
  const auto wire = lab_.hand_over();
  usleep(500'000);  // longer than it is waited for before the server is asked whether it speaks
  ASSERT_TRUE(wire->connect_tls(lab_.client_context(), "api.test")) << wire->problem();
  wire->write(get("/late"));
  EXPECT_THAT(wire->read_until("late"), HasSubstr("200 OK"));
  wire->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
}

TEST_F(RecordTest, TheServersEndIsTheClients) {
  for (const std::string how : {"eof", "ragged"}) {
    Server server(
        [&](Wire& wire) {
          wire.read_until("\r\n\r\n");
          wire.write("HTTP/1.1 200 OK\r\n\r\nuntil " + how);
          if (how == "eof") {
            wire.close();
          } else {
            wire.close_ragged();
          }
        },
        &lab_.real_authority());
    lab_.load("record", server.port());
    const auto wire = lab_.hand_over_tls();
    ASSERT_NE(wire, nullptr) << lab_.client_problem();
    wire->write(get("/" + how));
    EXPECT_THAT(wire->read_to_end(), HasSubstr("until " + how));
    EXPECT_EQ(wire->end(), how);
  }
}

TEST_F(RecordTest, AnUntrustedServerIsUntrustedForTheClient) {
  Server server([](Wire&) {}, &lab_.real_authority());
  lab_.variables["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt";
  lab_.load("record", server.port());
  EXPECT_EQ(lab_.hand_over_tls(), nullptr);
  EXPECT_THAT(lab_.client_problem(), HasSubstr("self"));
  EXPECT_THAT(lab_.told(), HasSubstr("certificate"));
  EXPECT_THAT(lab_.told(), Not(HasSubstr("the session's certificate")));
  EXPECT_THAT(lab_.outcomes(), ElementsAre("refused"));
}

TEST_F(RecordTest, APrivateAuthorityOfTheConfigurationIsTrusted) {
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write(answer("private"));
      },
      &lab_.real_authority());
  lab_.config = R"({"upstream": {"ca_file": ")" + lab_.variables["SSL_CERT_FILE"] + R"("}})";
  lab_.variables["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt";
  lab_.load("record", server.port());
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr) << lab_.client_problem();
  wire->write(get("/a"));
  EXPECT_EQ(wire->read_until("private"), answer("private"));
}

// Whose files are hashed, as OpenSSL wants them, or have any names.
TEST_F(RecordTest, AFolderOfAuthoritiesIsTrusted) {
  const std::string file = lab_.variables["SSL_CERT_FILE"];
  const std::string folder = file.substr(0, file.rfind('/'));
  lab_.variables["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt";
  lab_.variables["SSL_CERT_DIR"] = "/nonexistent:" + folder + "/";
  for (const bool hashed : {false, true}) {
    Server server(
        [](Wire& wire) {
          wire.read_until("\r\n\r\n");
          wire.write(answer("private"));
        },
        &lab_.real_authority());
    if (hashed) {
      const unsigned long hash = X509_subject_name_hash(lab_.real_authority().certificate());
      std::filesystem::rename(file, fmt::format("{}/{:08x}.0", folder, hash));
    }
    lab_.load("record", server.port());
    const auto wire = lab_.hand_over_tls();
    ASSERT_NE(wire, nullptr) << lab_.client_problem() << lab_.told();
    wire->write(get("/a"));
    EXPECT_EQ(wire->read_until("private"), answer("private"));
  }
}

// TLS 1.3 says so when the handshake is over, TLS 1.2 in it.
TEST_F(RecordTest, AServerThatWantsACertificateIsToldOf) {
  const auto context = lab_.real_authority().server_context("api.test");
  ASSERT_TRUE(context.ok());
  SSL_CTX_set_verify(*context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    SSL_CTX_set_max_proto_version(*context, version);
    for (const std::string mode : {"record", "record-if-missing"}) {
      Server server([](Wire&) {}, &lab_.real_authority());
      lab_.load(mode, server.port());
      const size_t before = lab_.told().size();
      if (const auto wire = lab_.hand_over_tls()) {
        wire->write(get("/a"));
        EXPECT_EQ(wire->read_to_end(), "");
      }
      const std::string told = lab_.told().substr(before);
      EXPECT_THAT(told, HasSubstr("api.test:443 refused: ")) << mode;
      EXPECT_THAT(told, HasSubstr(version == TLS1_3_VERSION ? "alert certificate required"
                                                            : "alert handshake failure"));
      EXPECT_THAT(told, HasSubstr("upstream.client_cert in recshim.json"));
      EXPECT_EQ(std::count(told.begin(), told.end(), '\n'), 1) << told;
    }
  }
  // One whose reset has overtaken the alert.
  Server hasty(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.reset();
      },
      &lab_.real_authority());
  SSL_CTX_set_verify(*context, SSL_VERIFY_PEER, nullptr);
  lab_.load("record", hasty.port());
  const size_t before = lab_.told().size();
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr);
  wire->write(get("/a"));
  EXPECT_EQ(wire->read_to_end(), "");
  EXPECT_THAT(lab_.told().substr(before), HasSubstr("upstream.client_cert in recshim.json"));
  EXPECT_THAT(lab_.outcomes(), ::testing::AllOf(::testing::SizeIs(5), ::testing::Each("refused")));
  EXPECT_THAT(lab_.recordings(), IsEmpty());
}

TEST_F(RecordTest, AServerThatIsNotThereIsAFailedConnection) {
  lab_.load("record", 1);
  EXPECT_EQ(lab_.hand_over_tls(), nullptr);
  EXPECT_THAT(lab_.told(), HasSubstr("api.test:443 refused: "));
  EXPECT_THAT(lab_.recordings(), IsEmpty());
}

TEST_F(RecordTest, AnUpgradeIsPassedOnUnrecorded) {
  Server server(
      [](Wire& wire) {
        wire.read_until("\r\n\r\n");
        wire.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
        wire.write("echo " + wire.read_until("."));
      },
      &lab_.real_authority());
  lab_.load("record", server.port());
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr) << lab_.client_problem();
  wire->write(get("/ws", "Connection: upgrade\r\nUpgrade: x\r\n"));
  wire->read_until("\r\n\r\n");
  wire->write("ping.");
  EXPECT_EQ(wire->read_to_end(), "echo ping.");
  lab_.join();
  EXPECT_THAT(lab_.recordings(), IsEmpty());
}

}  // namespace
}  // namespace recshim::gateway::testing
