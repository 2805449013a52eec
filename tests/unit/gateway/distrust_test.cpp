// Programs that do not trust the session's certificate: told in every mode, however they leave,
// and not confused with those who only had a connection to spare.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDistrust = "does not trust the session's certificate";

// param: the mode.
class DistrustTest : public ::testing::TestWithParam<std::string> {
 protected:
  DistrustTest()
      : server_([](Wire& wire) { wire.read_to_end(); }, &lab_.real_authority()),
        careless_(SSL_CTX_new(TLS_client_method())) {
    lab_.load(GetParam(), server_.port());
  }
  // A connection whose handshake the client has finished: it takes any certificate.
  std::unique_ptr<Wire> shaken(int version) {
    SSL_CTX_set_max_proto_version(careless_.get(), version);
    auto wire = lab_.hand_over();
    wire->start_tls(careless_.get(), "api.test");
    EXPECT_EQ(SSL_connect(wire->ssl()), 1);
    return wire;
  }
  std::string hello() {
    const SslPtr ssl(SSL_new(careless_.get()));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_tlsext_host_name(ssl.get(), "api.test");
    SSL_set_connect_state(ssl.get());
    SSL_do_handshake(ssl.get());
    return bio_text(SSL_get_wbio(ssl.get()));
  }
  // Tells whether the program's distrust was told, and nothing else.
  void expect_told(const std::string& detail) {
    const std::string told = lab_.told();
    EXPECT_THAT(told, HasSubstr("api.test:443 refused: the program ended the TLS handshake"));
    EXPECT_THAT(told, HasSubstr(kDistrust));
    EXPECT_THAT(told, HasSubstr(detail));
    EXPECT_THAT(lab_.outcomes(), ElementsAre("refused"));
  }
  void expect_quiet() {
    EXPECT_EQ(lab_.told(), "");
    EXPECT_THAT(lab_.outcomes(), IsEmpty());
  }

  Lab lab_;
  Server server_;
  SslContextPtr careless_;
};

TEST_P(DistrustTest, AnAlert) {
  const SslContextPtr suspicious(SSL_CTX_new(TLS_client_method()));
  const auto wire = lab_.hand_over();
  EXPECT_FALSE(wire->connect_tls(suspicious.get(), "api.test"));
  wire->close_ragged();
  expect_told("unknown ca");
}

// Java's HttpClient, Node, ureq: what they think of the certificate is never sent.
TEST_P(DistrustTest, ACloseInTheHandshake) {
  const auto wire = lab_.hand_over();
  ASSERT_TRUE(wire->write_raw(hello()));
  EXPECT_FALSE(wire->read_raw(size_t{1} << 16).empty());
  wire->close_ragged();
  expect_told("a close without an alert");
}

TEST_P(DistrustTest, AResetInTheHandshake) {
  const auto wire = lab_.hand_over();
  ASSERT_TRUE(wire->write_raw(hello()));
  EXPECT_FALSE(wire->read_raw(1).empty());  // what is left unread resets
  wire->close_ragged();
  expect_told("a reset without an alert");
}

// As if the certificate was looked at when all is over.
TEST_P(DistrustTest, AnAlertBehindTheHandshake) {
  const auto wire = shaken(TLS1_3_VERSION);
  static constexpr std::array<unsigned char, 6> kNoRecord = {0x17, 3, 3, 0, 1, 'x'};
  SSL_set0_rbio(wire->ssl(), BIO_new_mem_buf(kNoRecord.data(), kNoRecord.size()));
  char byte = 0;
  EXPECT_EQ(SSL_read(wire->ssl(), &byte, 1), -1);
  wire->close_ragged();
  expect_told("alert");
}

TEST_P(DistrustTest, ACloseBehindTheHandshakeOfTls12) {
  shaken(TLS1_2_VERSION)->close_ragged();
  expect_told("a close without an alert");
}

TEST_P(DistrustTest, AConnectionToSpareIsNone) {
  shaken(TLS1_3_VERSION)->close();
  shaken(TLS1_2_VERSION)->close();
  // Its process has ended.
  shaken(TLS1_3_VERSION)->close_ragged();
  expect_quiet();
}

// A process may end while it makes connections that it had no use for.
TEST_P(DistrustTest, WhoTrustsUsMayLeaveInTheHandshake) {
  const auto first = lab_.hand_over_tls();
  ASSERT_NE(first, nullptr) << lab_.client_problem();
  first->write("GET");
  first->close();
  lab_.join();
  const std::string told = lab_.told();
  const auto second = lab_.hand_over();
  ASSERT_TRUE(second->write_raw(hello()));
  EXPECT_FALSE(second->read_raw(1).empty());
  second->close_ragged();
  EXPECT_EQ(lab_.told(), told);
  // An alert is an alert.
  const SslContextPtr suspicious(SSL_CTX_new(TLS_client_method()));
  const auto third = lab_.hand_over();
  EXPECT_FALSE(third->connect_tls(suspicious.get(), "api.test"));
  third->close_ragged();
  EXPECT_THAT(lab_.told().substr(told.size()), HasSubstr(kDistrust));
}

TEST_P(DistrustTest, AProgramThatHadLeftHasNotSeenTheCertificate) {
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair.data()), 0);
  ClientStream client(pair[0], -1);
  close(pair[1]);
  const auto context = lab_.shared().authority->server_context("api.test");
  ASSERT_TRUE(context.ok());
  client.start_tls(*context, hello(), [] {});
  std::string bytes;
  EXPECT_TRUE(is_end(client.read(bytes)));
  EXPECT_EQ(client.handshake_failure(), "");
}

TEST_P(DistrustTest, WhatTheGatewayCantAgreeToIsNoDistrust) {
  SSL_CTX_set_alpn_protos(careless_.get(), reinterpret_cast<const unsigned char*>("\2h3"), 3);
  const auto wire = lab_.hand_over();
  EXPECT_FALSE(wire->connect_tls(careless_.get(), "api.test"));
  EXPECT_THAT(lab_.told(), HasSubstr("the program offers neither HTTP/1.1 nor HTTP/2"));
  EXPECT_THAT(lab_.outcomes(), ElementsAre("refused"));
}

INSTANTIATE_TEST_SUITE_P(Modes, DistrustTest,
                         ::testing::Values("record", "replay", "record-if-missing"),
                         [](const auto& tested) {
                           std::string name = tested.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace recshim::gateway::testing
