// Tapped sessions: a real handshake with a server in the test, over memory BIOs and over a
// socket; the tap hears the plaintext.
#include "shim/ops/tls_openssl.h"
#include "shim/ops/tls_taps.h"
#include "tests/unit/ops/fake_gate.h"
// After ours: its macros rename functions that our table names.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

namespace recshim::ops::openssl {
namespace {

using runtime::TlsAction;
using ::testing::ElementsAre;
using ::testing::SizeIs;

int prefer_first(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                 unsigned in_size, void*) {
  if (in_size < 2) return SSL_TLSEXT_ERR_NOACK;
  *out = in + 1;
  *out_size = in[0];
  return SSL_TLSEXT_ERR_OK;
}

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Context make_server() {
  Context context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  SSL_CTX_use_certificate(context.get(), certificate);
  SSL_CTX_use_PrivateKey(context.get(), key);
  SSL_CTX_set_alpn_select_cb(context.get(), prefer_first, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

class TappedOpenssl : public ::testing::Test {
 protected:
  TappedOpenssl() : server_context_(make_server()) {
    testing::reset_gate(TlsAction::kTap);
    testing::gate().verdict.tap = tap_;
    ERR_clear_error();
    client_ = SSL_new(client_context_.get());
    server_ = SSL_new(server_context_.get());
    SSL_set_accept_state(server_);
  }
  ~TappedOpenssl() override {
    testing::gate().verdict.tap = nullptr;
    openssl::SSL_free(caller_, client_);
    ::SSL_free(server_);
    EXPECT_EQ(testing::gate().tls_io_depth, 0);
    EXPECT_EQ(tap_->closed, 1);
  }

  void use_memory() {
    BIO* near = nullptr;
    BIO* far = nullptr;
    ASSERT_EQ(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client_, near, near);
    SSL_set_bio(server_, far, far);
  }
  void shake_hands() {
    for (int turn = 0; turn < 10; ++turn) {
      const int mine = openssl::SSL_connect(caller_, client_);
      const int theirs = SSL_do_handshake(server_);
      if (mine == 1 && theirs == 1) return;
    }
    FAIL() << "no handshake";
  }
  void serve(const std::string& bytes) {
    ASSERT_EQ(SSL_write(server_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  std::string read_some() {
    char buffer[256];
    const int n = openssl::SSL_read(caller_, client_, buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
  }

  const void* caller_ = testing::foreign_caller();
  std::shared_ptr<testing::FakeTap> tap_ = std::make_shared<testing::FakeTap>();
  Context client_context_{SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
  Context server_context_;
  SSL* client_ = nullptr;
  SSL* server_ = nullptr;
};

TEST_F(TappedOpenssl, HearsWhatPassesAndNothingElse) {
  use_memory();
  shake_hands();
  EXPECT_EQ(openssl::SSL_write(caller_, client_, "GET /", 5), 5);
  char byte[8];
  EXPECT_EQ(SSL_read(server_, byte, sizeof byte), 5);
  serve("200 OK");
  EXPECT_EQ(openssl::SSL_peek(caller_, client_, byte, 3), 3);
  EXPECT_EQ(tap_->read, "");
  EXPECT_EQ(read_some(), "200 OK");
  EXPECT_EQ(read_some(), "");  // would block
  EXPECT_EQ(tap_->written, "GET /");
  EXPECT_EQ(tap_->read, "200 OK");
  EXPECT_THAT(tap_->ends, SizeIs(0));
  SSL_shutdown(server_);
  EXPECT_EQ(read_some(), "");
  EXPECT_THAT(tap_->ends, ElementsAre(flow::End::kEof));
  EXPECT_EQ(read_some(), "");
  EXPECT_THAT(tap_->ends, SizeIs(1));
}

TEST_F(TappedOpenssl, TheClientHelloOfAMemoryBioIsNoted) {
  use_memory();
  openssl::SSL_connect(caller_, client_);
  unsigned char random[32];
  ASSERT_EQ(SSL_get_client_random(client_, random, sizeof random), 32U);
  EXPECT_THAT(testing::gate().hellos,
              ElementsAre(std::string(reinterpret_cast<char*>(random), 32)));
  shake_hands();
  EXPECT_THAT(testing::gate().hellos, SizeIs(1));
}

TEST_F(TappedOpenssl, OnlyHttp11IsOfferedToTheServer) {
  const unsigned char offer[] = "\x02h2\x08http/1.1";
  openssl::SSL_CTX_set_alpn_protos(caller_, client_context_.get(), offer, sizeof offer - 1);
  use_memory();
  shake_hands();
  const unsigned char* name = nullptr;
  unsigned size = 0;
  openssl::SSL_get0_alpn_selected(caller_, client_, &name, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(name), size), "http/1.1");
}

TEST_F(TappedOpenssl, AnOfferOfHttp2AloneIsLeftAsItIs) {
  const unsigned char offer[] = "\x02h2";
  openssl::SSL_set_alpn_protos(caller_, client_, offer, sizeof offer - 1);
  use_memory();
  shake_hands();
  const unsigned char* name = nullptr;
  unsigned size = 0;
  openssl::SSL_get0_alpn_selected(caller_, client_, &name, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(name), size), "h2");
  EXPECT_EQ(openssl::SSL_write(caller_, client_, "PRI *", 5), 5);
  EXPECT_EQ(tap_->written, "PRI *");
}

TEST_F(TappedOpenssl, AnErrorStaysTheProgramsToSee) {
  use_memory();
  shake_hands();
  BIO_write(SSL_get_wbio(server_), "\x17\x03\x03\x00\x05garbage", 10);
  EXPECT_EQ(read_some(), "");
  EXPECT_EQ(openssl::SSL_get_error(caller_, client_, -1), SSL_ERROR_SSL);
  EXPECT_NE(ERR_get_error(), 0U);
  EXPECT_THAT(tap_->ends, ElementsAre(flow::End::kReset));
  ERR_clear_error();
}

class TappedOpensslSocket : public TappedOpenssl {
 protected:
  TappedOpensslSocket() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    client_fd_ = fds[0];
    server_fd_ = fds[1];
    SSL_set_fd(client_, client_fd_);
    SSL_set_fd(server_, server_fd_);
    shake_hands();
    openssl::SSL_write(caller_, client_, "GET /", 5);
    serve("data: [DONE]\n\n");
    EXPECT_EQ(read_some(), "data: [DONE]\n\n");
    tap_->draining = true;
  }
  ~TappedOpensslSocket() override {
    close(client_fd_);
    close(server_fd_);
  }
  int client_fd_ = -1, server_fd_ = -1;
};

TEST_F(TappedOpensslSocket, TheFdIsToldToWhoDecides) {
  EXPECT_EQ(testing::gate().fd, client_fd_);
  EXPECT_THAT(testing::gate().hellos, SizeIs(0));
}

TEST_F(TappedOpensslSocket, FreeingReadsWhatHasArrived) {
  serve("0\r\n\r\n");
  SSL_up_ref(client_);
  openssl::SSL_up_ref(caller_, client_);
  openssl::SSL_free(caller_, client_);
  EXPECT_EQ(tap_->read, "data: [DONE]\n\n") << "someone still holds the session";
  ::SSL_free(client_);
  // The fixture frees the last one.
  openssl::SSL_shutdown(caller_, client_);
  EXPECT_EQ(tap_->read, "data: [DONE]\n\n0\r\n\r\n");
}

TEST_F(TappedOpensslSocket, ADrainNeverBlocksAndLosesNothing) {
  fcntl(client_fd_, F_SETFL, 0);  // blocking, and nothing has arrived
  drain_tap(tap_.get(), client_fd_);
  serve("rest");
  drain_tap(tap_.get(), client_fd_);
  EXPECT_EQ(tap_->read, "data: [DONE]\n\nrest");
  EXPECT_EQ(openssl::SSL_pending(caller_, client_), 4);
  EXPECT_EQ(read_some(), "rest");  // the program reads on, and the tap is not told twice
  serve("more");
  EXPECT_EQ(read_some(), "more");
  EXPECT_EQ(tap_->read, "data: [DONE]\n\nrestmore");
}

TEST_F(TappedOpensslSocket, ADrainTellsTheEnd) {
  SSL_shutdown(server_);
  drain_tap(tap_.get(), client_fd_);
  EXPECT_THAT(tap_->ends, ElementsAre(flow::End::kEof));
}

}  // namespace
}  // namespace recshim::ops::openssl
