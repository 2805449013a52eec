// Virtual sessions through the operations, over BIOs of OpenSSL's own.
#include "shim/ops/tls_openssl.h"
#include "tests/unit/ops/fake_gate.h"
// After ours: its macros rename functions that our table names.
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <memory>

namespace recshim::ops::openssl {
namespace {

using runtime::AlpnOffer;
using runtime::TlsAction;

class VirtualOpenssl : public ::testing::Test {
 protected:
  VirtualOpenssl() : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    testing::reset_gate(TlsAction::kVirtual);
    ERR_clear_error();
    ssl_ = SSL_new(context_.get());
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    ::SSL_set_bio(ssl_, in_, out_);
  }
  ~VirtualOpenssl() override {
    openssl::SSL_free(caller_, ssl_);
    EXPECT_EQ(ERR_peek_error(), 0U);
  }

  void arrive(const std::string& bytes) {
    ASSERT_EQ(BIO_write(in_, bytes.data(), static_cast<int>(bytes.size())),
              static_cast<int>(bytes.size()));
  }
  std::string sent() {
    char* data = nullptr;
    const long n = BIO_get_mem_data(out_, &data);
    return {data, static_cast<size_t>(n)};
  }
  int error_of(int result) { return openssl::SSL_get_error(caller_, ssl_, result); }

  const void* caller_ = testing::foreign_caller();
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  SSL* ssl_ = nullptr;
  BIO* in_ = nullptr;
  BIO* out_ = nullptr;
};

TEST_F(VirtualOpenssl, TheHandshakeSucceedsAtOnceAndAsksOnce) {
  SSL_set_tlsext_host_name(ssl_, "API.Example.com");
  EXPECT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_do_handshake(caller_, ssl_), 1);
  EXPECT_EQ(testing::gate().decisions, 1);
  EXPECT_EQ(testing::gate().fd, -1);
  EXPECT_EQ(testing::gate().sni, "api.example.com");
  EXPECT_EQ(testing::gate().alpn, AlpnOffer::kNone);
  EXPECT_EQ(sent(), "");
}

TEST_F(VirtualOpenssl, PlaintextPassesBothWays) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "GET / ", 6), 6);
  size_t done = 0;
  EXPECT_EQ(openssl::SSL_write_ex(caller_, ssl_, "HTTP/1.1", 8, &done), 1);
  EXPECT_EQ(done, 8U);
  EXPECT_EQ(sent(), "GET / HTTP/1.1");
  arrive("HTTP/1.1 200");
  char buffer[64];
  EXPECT_EQ(openssl::SSL_pending(caller_, ssl_), 12);
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, 4), 4);
  EXPECT_EQ(std::string(buffer, 4), "HTTP");
  EXPECT_EQ(openssl::SSL_read_ex(caller_, ssl_, buffer, sizeof buffer, &done), 1);
  EXPECT_EQ(std::string(buffer, done), "/1.1 200");
}

TEST_F(VirtualOpenssl, AHandshakeIsImpliedByTheFirstWrite) {
  ::SSL_set_connect_state(ssl_);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "x", 1), 1);
  EXPECT_EQ(sent(), "x");
}

TEST_F(VirtualOpenssl, NothingToReadAsksForARetry) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  char buffer[8];
  const int n = openssl::SSL_read(caller_, ssl_, buffer, sizeof buffer);
  EXPECT_EQ(n, -1);
  EXPECT_EQ(error_of(n), SSL_ERROR_WANT_READ);
  EXPECT_EQ(openssl::SSL_want(caller_, ssl_), SSL_READING);
  size_t done = 9;
  EXPECT_EQ(openssl::SSL_read_ex(caller_, ssl_, buffer, sizeof buffer, &done), 0);
  EXPECT_EQ(error_of(0), SSL_ERROR_WANT_READ);
}

TEST_F(VirtualOpenssl, TheEndIsAnOrderlyOne) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  BIO_set_mem_eof_return(in_, 0);
  char buffer[8];
  for (int again = 0; again < 2; ++again) {
    EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, sizeof buffer), 0);
    EXPECT_EQ(error_of(0), SSL_ERROR_ZERO_RETURN);
  }
  EXPECT_EQ(openssl::SSL_get_shutdown(caller_, ssl_), SSL_RECEIVED_SHUTDOWN);
}

TEST_F(VirtualOpenssl, TheEndComesWithTheLastBytesOfAMemoryBio) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  arrive("last");
  testing::gate().close_notify = true;
  char buffer[8];
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, sizeof buffer), 4);
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, sizeof buffer), 0);
  EXPECT_EQ(error_of(0), SSL_ERROR_ZERO_RETURN);
  EXPECT_EQ(openssl::SSL_get_shutdown(caller_, ssl_), SSL_RECEIVED_SHUTDOWN);
}

TEST_F(VirtualOpenssl, PeekedBytesAreReadAgain) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  arrive("abcdef");
  char buffer[8];
  EXPECT_EQ(openssl::SSL_peek(caller_, ssl_, buffer, 4), 4);
  EXPECT_EQ(openssl::SSL_peek(caller_, ssl_, buffer, 2), 2);
  EXPECT_EQ(openssl::SSL_has_pending(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, 3), 3);
  EXPECT_EQ(std::string(buffer, 3), "abc");
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, 8), 1);
  EXPECT_EQ(buffer[0], 'd');
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, buffer, 8), 2);
}

TEST_F(VirtualOpenssl, AWriteThatBlocksGoesOnWhereItStopped) {
  BIO* near = nullptr;
  BIO* far = nullptr;
  ASSERT_EQ(BIO_new_bio_pair(&near, 4, &far, 4), 1);
  ::SSL_set_bio(ssl_, near, near);
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "0123456789", 10), -1);
  EXPECT_EQ(error_of(-1), SSL_ERROR_WANT_WRITE);
  EXPECT_EQ(openssl::SSL_want(caller_, ssl_), SSL_WRITING);
  std::string arrived;
  char buffer[8];
  int n = -1;
  while (n < 0) {
    arrived.append(buffer, static_cast<size_t>(BIO_read(far, buffer, sizeof buffer)));
    n = openssl::SSL_write(caller_, ssl_, "0123456789", 10);
  }
  EXPECT_EQ(n, 10);
  arrived.append(buffer, static_cast<size_t>(BIO_read(far, buffer, sizeof buffer)));
  EXPECT_EQ(arrived, "0123456789");
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "0123456789", 10), 4);
  BIO_free(far);
}

TEST_F(VirtualOpenssl, WritingNothingIsNoError) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "", 0), 0);
  EXPECT_EQ(error_of(0), SSL_ERROR_SYSCALL);  // as OpenSSL has it: s_client relies on it
  size_t done = 7;
  EXPECT_EQ(openssl::SSL_write_ex(caller_, ssl_, "", 0, &done), 1);
  EXPECT_EQ(done, 0U);
}

TEST_F(VirtualOpenssl, LooksLikeAFinishedHandshake) {
  const unsigned char offer[] = "\x02h2\x08http/1.1";
  ASSERT_EQ(openssl::SSL_CTX_set_alpn_protos(caller_, context_.get(), offer, sizeof offer - 1), 0);
  EXPECT_EQ(openssl::SSL_is_init_finished(caller_, ssl_), 0);
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(testing::gate().alpn, AlpnOffer::kHasHttp11);
  EXPECT_EQ(openssl::SSL_is_init_finished(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_in_init(caller_, ssl_), 0);
  EXPECT_EQ(openssl::SSL_get_state(caller_, ssl_), TLS_ST_OK);
  EXPECT_STREQ(openssl::SSL_get_version(caller_, ssl_), "TLSv1.3");
  EXPECT_EQ(openssl::SSL_version(caller_, ssl_), TLS1_3_VERSION);
  EXPECT_EQ(::SSL_get_verify_result(ssl_), X509_V_OK);
  EXPECT_STREQ(SSL_CIPHER_get_name(::SSL_get_current_cipher(ssl_)), "TLS_AES_256_GCM_SHA384");
  EXPECT_EQ(SSL_get_negotiated_group(ssl_), NID_X25519);
  const unsigned char* name = nullptr;
  unsigned size = 0;
  openssl::SSL_get0_alpn_selected(caller_, ssl_, &name, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(name), size), "http/1.1");
  SSL_SESSION* session = ::SSL_get1_session(ssl_);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(SSL_SESSION_is_resumable(session), 0);
  EXPECT_GT(i2d_SSL_SESSION(session, nullptr), 0);
  SSL_SESSION_free(session);
}

TEST_F(VirtualOpenssl, AnOfferOnTheObjectGoesBeforeItsContexts) {
  const unsigned char wide[] = "\x02h2\x08http/1.1", narrow[] = "\x02h2";
  openssl::SSL_CTX_set_alpn_protos(caller_, context_.get(), wide, sizeof wide - 1);
  openssl::SSL_set_alpn_protos(caller_, ssl_, narrow, sizeof narrow - 1);
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(testing::gate().alpn, AlpnOffer::kHasHttp2);
}

TEST_F(VirtualOpenssl, ThePeerIsTheHostThatWasDecided) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  X509* first = ::SSL_get1_peer_certificate(ssl_);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(X509_check_host(first, "api.example.com", 0, 0, nullptr), 1);
  X509* second = ::SSL_get1_peer_certificate(ssl_);
  X509_free(first);
  X509_free(second);  // each its own reference
  EXPECT_EQ(::SSL_get0_peer_certificate(ssl_), first);
  auto* chain = reinterpret_cast<STACK_OF(X509)*>(openssl::SSL_get_peer_cert_chain(caller_, ssl_));
  ASSERT_NE(chain, nullptr);
  EXPECT_EQ(sk_X509_num(chain), 1);
  EXPECT_EQ(sk_X509_value(chain, 0), first);
}

TEST_F(VirtualOpenssl, WhatAProgramKeepsBehindItsOwnIndexIsNotOurs) {
  // Qt does so.
  const int own = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  for (int offset = 0; offset < 3; ++offset) ::SSL_set_ex_data(ssl_, own + offset, nullptr);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "x", 1), 1);
  EXPECT_EQ(sent(), "x");
}

TEST_F(VirtualOpenssl, AcceptingAfterTheHandshakeDoesNothing) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_accept(caller_, ssl_), 1);
  EXPECT_EQ(sent(), "");
}

TEST_F(VirtualOpenssl, ShutdownIsDoneAtOnce) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_shutdown(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_get_shutdown(caller_, ssl_), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "x", 1), -1);
  EXPECT_EQ(sent(), "");
}

TEST_F(VirtualOpenssl, AClearedObjectIsDecidedAnew) {
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_clear(caller_, ssl_), 1);
  EXPECT_EQ(openssl::SSL_is_init_finished(caller_, ssl_), 0);
  EXPECT_EQ(::SSL_get_session(ssl_), nullptr);  // a real server is not to be offered ours
  ASSERT_EQ(openssl::SSL_connect(caller_, ssl_), 1);
  EXPECT_EQ(testing::gate().decisions, 2);
}

TEST_F(VirtualOpenssl, ARefusedSessionFailsAsARefusedConnection) {
  testing::reset_gate(TlsAction::kRefuse);
  errno = 0;
  EXPECT_EQ(openssl::SSL_connect(caller_, ssl_), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_EQ(error_of(-1), SSL_ERROR_SYSCALL);
  char byte;
  EXPECT_EQ(openssl::SSL_read(caller_, ssl_, &byte, 1), -1);
  EXPECT_EQ(openssl::SSL_write(caller_, ssl_, "x", 1), -1);
  EXPECT_EQ(sent(), "");
  // libssl reads these from a session that a handshake makes as it begins.
  EXPECT_NE(::SSL_get_session(ssl_), nullptr);
  EXPECT_EQ(::SSL_get_current_cipher(ssl_), nullptr);
  EXPECT_EQ(::SSL_get0_peer_certificate(ssl_), nullptr);
  EXPECT_EQ(::SSL_get_verify_result(ssl_), X509_V_OK);
}

TEST_F(VirtualOpenssl, WhatIsLeftAloneSpeaksTls) {
  testing::reset_gate(TlsAction::kLeaveAlone);
  const int n = openssl::SSL_connect(caller_, ssl_);
  EXPECT_EQ(error_of(n), SSL_ERROR_WANT_READ);
  ASSERT_FALSE(sent().empty());
  EXPECT_EQ(sent()[0], 0x16);  // a TLS handshake record
  EXPECT_EQ(openssl::SSL_connect(caller_, ssl_), -1);
  EXPECT_EQ(testing::gate().decisions, 1);
}

TEST_F(VirtualOpenssl, ServersAreNeverOurs) {
  ::SSL_set_accept_state(ssl_);
  openssl::SSL_do_handshake(caller_, ssl_);
  char byte;
  openssl::SSL_read(caller_, ssl_, &byte, 1);
  EXPECT_EQ(testing::gate().decisions, 0);
  ERR_clear_error();
}

TEST_F(VirtualOpenssl, LibsslCallingItselfIsNotAnotherCall) {
  const void* inside =
      reinterpret_cast<const char*>(openssl::find_library(caller_).library->api.SSL_read) + 4;
  openssl::SSL_connect(inside, ssl_);
  EXPECT_EQ(testing::gate().decisions, 0);
}

TEST_F(VirtualOpenssl, AnInactiveProcessIsNotAskedAbout) {
  testing::gate().active = false;
  openssl::SSL_connect(caller_, ssl_);
  EXPECT_EQ(testing::gate().decisions, 0);
  EXPECT_EQ(sent()[0], 0x16);
}

TEST_F(VirtualOpenssl, BioFSslAndItsFiltersSpeakPlaintextToo) {
  BIO* bio = openssl::BIO_new(caller_, BIO_f_ssl());
  ASSERT_NE(bio, nullptr);
  EXPECT_EQ(BIO_method_type(bio), BIO_TYPE_SSL);
  ::SSL_set_connect_state(ssl_);
  SSL_up_ref(ssl_);
  BIO_set_ssl(bio, ssl_, BIO_CLOSE);
  BIO* lines = BIO_push(::BIO_new(BIO_f_buffer()), bio);
  EXPECT_EQ(BIO_do_handshake(bio), 1);
  EXPECT_EQ(BIO_puts(lines, "GET /\r\n"), 7);
  EXPECT_EQ(BIO_flush(lines), 1);
  EXPECT_EQ(sent(), "GET /\r\n");
  arrive("one\ntwo\n");
  char line[32];
  EXPECT_EQ(BIO_gets(lines, line, sizeof line), 4);
  EXPECT_STREQ(line, "one\n");
  EXPECT_EQ(BIO_gets(lines, line, sizeof line), 4);
  EXPECT_LE(BIO_read(lines, line, sizeof line), 0);
  EXPECT_TRUE(BIO_should_retry(lines));
  BIO_free_all(lines);
}

}  // namespace
}  // namespace recshim::ops::openssl
