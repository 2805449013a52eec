// Replay through the gateway: TLS for clients that bring their own, over a real handshake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kChunked =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

// A lab whose recordings hold /a (by length) and /b (chunked).
class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    Server server(
        [](Wire& wire) {
          wire.read_until("\r\n\r\n");
          wire.write(answer("one"));
          wire.read_until("\r\n\r\n");
          wire.write(kChunked);
          wire.read_to_end();
        },
        &lab_.real_authority());
    lab_.load("record", server.port());
    const auto wire = lab_.hand_over_tls();
    EXPECT_NE(wire, nullptr) << lab_.client_problem();
    if (!wire) return;
    wire->write(get("/a"));
    EXPECT_EQ(wire->read_until("one"), answer("one"));
    wire->write(get("/b"));
    EXPECT_EQ(wire->read_until("0\r\n\r\n"), kChunked);
    wire->close();
    lab_.join();
    EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded", "recorded"));
  }
  Lab lab_;
};

TEST_F(ReplayTest, WhereTheServerSpeaksFirstNobodyWaits) {
  lab_.load("replay", 1);
  control::Handover handover;
  handover.port = 25;
  const auto wire = lab_.hand_over(handover);
  EXPECT_EQ(wire->read_to_end(), "");
  EXPECT_THAT(lab_.told(), HasSubstr("the server speaks first"));
}

TEST_F(ReplayTest, AnswersWithoutAServer) {
  lab_.load("replay", 1);
  const auto wire = lab_.hand_over_tls();
  ASSERT_NE(wire, nullptr) << lab_.client_problem();
  wire->write(get("/a") + get("/b"));
  EXPECT_EQ(wire->read_until("0\r\n\r\n"), answer("one") + kChunked);
  wire->write(get("/none"));
  EXPECT_THAT(wire->read_until("\r\n\r\n"), StartsWith("HTTP/1.1 424 "));
  wire->close();
  EXPECT_THAT(lab_.told(), HasSubstr("recshim: "));
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded", "recorded", "hit", "hit", "miss"));
}

TEST_F(ReplayTest, WhatWasSentAlreadyComesFirst) {
  lab_.load("replay", 1);
  control::Handover handover;
  handover.plaintext = true;
  handover.to_client = "earlier ";
  const std::string request = get("/a");
  const auto wire = lab_.hand_over(handover, request.substr(0, 9));
  EXPECT_EQ(wire->read_n(8), "earlier ");
  wire->write(request.substr(9));
  EXPECT_EQ(wire->read_until("one"), answer("one"));
}

TEST_F(ReplayTest, AHelloThatWasReadAlreadyComesFirst) {
  lab_.load("replay", 1);
  // The client writes its hello before there is anybody: it is kept and sent along.
  SslPtr ssl(SSL_new(lab_.client_context()));
  SSL_set_tlsext_host_name(ssl.get(), "api.test");
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  const std::string hello = bio_text(SSL_get_wbio(ssl.get()));
  const auto wire = lab_.hand_over({}, hello);
  BIO_reset(SSL_get_wbio(ssl.get()));
  while (SSL_do_handshake(ssl.get()) != 1) {
    const std::string piece = wire->read_n(1);
    ASSERT_FALSE(piece.empty());
    BIO_write(SSL_get_rbio(ssl.get()), piece.data(), 1);
  }
  EXPECT_EQ(SSL_get_verify_result(ssl.get()), X509_V_OK);
}

TEST_F(ReplayTest, AProxyIsPlayedToo) {
  lab_.load("replay", 1);
  control::Handover handover;
  handover.host = "proxy.test";
  handover.port = 3128;
  handover.proxy = true;
  const auto wire = lab_.hand_over(handover);
  wire->write("CONNECT api.test:443 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(wire->read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  ASSERT_TRUE(wire->connect_tls(lab_.client_context(), "api.test")) << wire->problem();
  wire->write(get("/a"));
  EXPECT_EQ(wire->read_until("one"), answer("one"));
}

TEST_F(ReplayTest, WhoOffersBothVersionsStaysWithHttp1) {
  lab_.load("replay", 1);
  SslContextPtr both(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_load_verify_file(both.get(), ca_path(lab_.shared().config.session_dir).c_str());
  SSL_CTX_set_alpn_protos(both.get(), reinterpret_cast<const unsigned char*>("\2h2\x8http/1.1"),
                          12);
  const auto wire = lab_.hand_over();
  ASSERT_TRUE(wire->connect_tls(both.get(), "api.test")) << wire->problem();
  const unsigned char* chosen = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(wire->ssl(), &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");

  SSL_CTX_set_alpn_protos(both.get(), reinterpret_cast<const unsigned char*>("\2h3"), 3);
  const auto other = lab_.hand_over();
  EXPECT_FALSE(other->connect_tls(both.get(), "api.test"));
}

TEST_F(ReplayTest, ANameGivenByTheHelloTakesTheAddresssPlace) {
  lab_.load("replay", 1);
  control::Handover handover;
  handover.host = "192.0.2.1";
  const auto wire = lab_.hand_over(handover);
  ASSERT_TRUE(wire->connect_tls(lab_.client_context(), "api.test")) << wire->problem();
  wire->write(get("/a"));
  EXPECT_EQ(wire->read_until("one"), answer("one"));
}

}  // namespace
}  // namespace recshim::gateway::testing
