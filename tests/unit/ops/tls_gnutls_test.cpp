// GnuTLS sessions through the operations: virtual over a socket pair and over functions of
// the program's own, and what a finished handshake looks like.
#include "shim/ops/tls_gnutls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/unit/ops/fake_gate.h"

namespace recshim::ops::gnutls {
namespace {

using runtime::AlpnOffer;
using runtime::TlsAction;

// A transport of the program's own.
struct Wire {
  gnutls_session_t session = nullptr;
  std::string in, out;
  size_t room = 1000;
  int pulls = 0;
};

ssize_t push(void* pointer, const void* data, size_t size) {
  auto* wire = static_cast<Wire*>(pointer);
  const size_t n = std::min(size, wire->room);
  if (n == 0) {
    errno = EIO;  // overruled by what is set
    gnutls::gnutls_transport_set_errno(testing::foreign_caller(), wire->session, EAGAIN);
    return -1;
  }
  wire->out.append(static_cast<const char*>(data), n);
  wire->room -= n;
  return static_cast<ssize_t>(n);
}

ssize_t pull(void* pointer, void* data, size_t size) {
  auto* wire = static_cast<Wire*>(pointer);
  ++wire->pulls;
  const size_t n = std::min(size, wire->in.size());
  std::memcpy(data, wire->in.data(), n);
  wire->in.erase(0, n);
  return static_cast<ssize_t>(n);
}

class VirtualGnutls : public ::testing::Test {
 protected:
  VirtualGnutls() {
    testing::reset_gate(TlsAction::kVirtual);
    EXPECT_EQ(gnutls::gnutls_init(caller_, &session_, GNUTLS_CLIENT), 0);
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_), 0);
    gnutls::gnutls_transport_set_int2(caller_, session_, fds_[0], fds_[0]);
    gnutls_set_default_priority(session_);
  }
  ~VirtualGnutls() override {
    gnutls::gnutls_deinit(caller_, session_);
    close(fds_[0]);
    close(fds_[1]);
  }
  std::string peer_reads() {
    char buffer[256];
    const ssize_t n = ::read(fds_[1], buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, static_cast<size_t>(n)) : std::string();
  }
  void use_wire() {
    wire_.session = session_;
    gnutls::gnutls_transport_set_ptr(caller_, session_, &wire_);
    gnutls::gnutls_transport_set_push_function(caller_, session_, push);
    gnutls::gnutls_transport_set_pull_function(caller_, session_, pull);
  }

  const void* caller_ = testing::foreign_caller();
  gnutls_session_t session_ = nullptr;
  int fds_[2] = {-1, -1};
  Wire wire_;
};

TEST_F(VirtualGnutls, PlaintextPassesOverTheSocket) {
  gnutls::gnutls_server_name_set(caller_, session_, GNUTLS_NAME_DNS, "API.example.com", 15);
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), 0);
  EXPECT_EQ(testing::gate().fd, fds_[0]);
  EXPECT_EQ(testing::gate().sni, "api.example.com");
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, "GET /", 5), 5);
  EXPECT_EQ(peer_reads(), "GET /");
  char buffer[16];
  EXPECT_EQ(gnutls::gnutls_record_recv(caller_, session_, buffer, sizeof buffer), GNUTLS_E_AGAIN);
  ASSERT_EQ(::write(fds_[1], "200", 3), 3);
  EXPECT_EQ(gnutls::gnutls_record_recv(caller_, session_, buffer, sizeof buffer), 3);
  shutdown(fds_[1], SHUT_WR);
  EXPECT_EQ(gnutls::gnutls_record_recv(caller_, session_, buffer, sizeof buffer), 0);
  EXPECT_EQ(gnutls::gnutls_bye(caller_, session_, GNUTLS_SHUT_RDWR), 0);
}

TEST_F(VirtualGnutls, PlaintextPassesThroughTheProgramsFunctions) {
  use_wire();
  testing::gate().probed_fd = 77;
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), 0);
  EXPECT_EQ(testing::gate().fd, 77);
  EXPECT_EQ(wire_.pulls, 0);  // it might wait for the server's first byte
  wire_.in = "200 OK";
  char buffer[4];
  EXPECT_EQ(gnutls::gnutls_record_recv(caller_, session_, buffer, sizeof buffer), 4);
  wire_.room = 3;
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, "0123456789", 10), GNUTLS_E_AGAIN);
  EXPECT_EQ(gnutls::gnutls_record_get_direction(caller_, session_), 1);
  wire_.room = 100;
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, nullptr, 0), 10);
  EXPECT_EQ(wire_.out, "0123456789");
}

TEST_F(VirtualGnutls, CorkedBytesGoTogether) {
  use_wire();
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), 0);
  gnutls::gnutls_record_cork(caller_, session_);
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, "ab", 2), 2);
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, "cd", 2), 2);
  EXPECT_EQ(wire_.out, "");
  EXPECT_EQ(gnutls::gnutls_record_check_corked(caller_, session_), 4U);
  EXPECT_EQ(gnutls::gnutls_record_uncork(caller_, session_, GNUTLS_RECORD_WAIT), 4);
  EXPECT_EQ(wire_.out, "abcd");
  EXPECT_EQ(gnutls::gnutls_record_send(caller_, session_, "e", 1), 1);
  EXPECT_EQ(wire_.out, "abcde");
}

TEST_F(VirtualGnutls, LooksLikeAFinishedHandshake) {
  std::string h2 = "h2", http11 = "http/1.1";
  const Datum offer[] = {{reinterpret_cast<unsigned char*>(h2.data()), 2},
                         {reinterpret_cast<unsigned char*>(http11.data()), 8}};
  EXPECT_EQ(gnutls::gnutls_alpn_set_protocols(caller_, session_, offer, 2, 0), 0);
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), 0);
  EXPECT_EQ(testing::gate().alpn, AlpnOffer::kHasHttp11);
  Datum chosen{};
  EXPECT_EQ(gnutls::gnutls_alpn_get_selected_protocol(caller_, session_, &chosen), 0);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(chosen.data), chosen.size), "http/1.1");
  unsigned status = 99;
  EXPECT_EQ(gnutls::gnutls_certificate_verify_peers2(caller_, session_, &status), 0);
  EXPECT_EQ(status, 0U);
  unsigned count = 0;
  const Datum* peers = gnutls::gnutls_certificate_get_peers(caller_, session_, &count);
  ASSERT_NE(peers, nullptr);
  EXPECT_EQ(count, 1U);
  EXPECT_EQ(gnutls::gnutls_protocol_get_version(caller_, session_), GNUTLS_TLS1_3);
  EXPECT_NE(gnutls_cipher_get_name(static_cast<gnutls_cipher_algorithm_t>(
                gnutls::gnutls_cipher_get(caller_, session_))),
            nullptr);
  EXPECT_EQ(gnutls::gnutls_certificate_type_get(caller_, session_), GNUTLS_CRT_X509);
  char* text = gnutls::gnutls_session_get_desc(caller_, session_);
  ASSERT_NE(text, nullptr);
  EXPECT_NE(std::strstr(text, "TLS1.3"), nullptr);
  gnutls_free(text);
  size_t size = 5;
  EXPECT_LT(gnutls::gnutls_session_get_data(caller_, session_, nullptr, &size), 0);
  EXPECT_EQ(size, 0U);
}

TEST_F(VirtualGnutls, ARefusedSessionFailsAsARefusedConnection) {
  testing::reset_gate(TlsAction::kRefuse);
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), GNUTLS_E_PUSH_ERROR);
  EXPECT_EQ(errno, ECONNREFUSED);
  char byte;
  EXPECT_EQ(gnutls::gnutls_record_recv(caller_, session_, &byte, 1), GNUTLS_E_PULL_ERROR);
}

TEST_F(VirtualGnutls, WhatIsLeftAloneSpeaksTls) {
  testing::reset_gate(TlsAction::kLeaveAlone);
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), GNUTLS_E_AGAIN);
  EXPECT_EQ(peer_reads().substr(0, 1), "\x16");
  EXPECT_EQ(gnutls::gnutls_handshake(caller_, session_), GNUTLS_E_AGAIN);
  EXPECT_EQ(testing::gate().decisions, 1);
}

TEST_F(VirtualGnutls, ATapIsThereWhileTheRealHandshakeRuns) {
  testing::reset_gate(TlsAction::kTap);
  auto tap = std::make_shared<testing::FakeTap>();
  testing::gate().verdict.tap = tap;
  use_wire();
  EXPECT_LT(gnutls::gnutls_handshake(caller_, session_), 0);  // nobody answers
  EXPECT_EQ(testing::gate().tls_io_depth, 0);
  EXPECT_EQ(testing::gate().hellos.size(), 1U);
  EXPECT_EQ(wire_.out.substr(0, 1), "\x16");
  EXPECT_EQ(tap->closed, 0);
  gnutls::gnutls_deinit(caller_, session_);
  EXPECT_EQ(tap->closed, 1);
  gnutls::gnutls_init(caller_, &session_, GNUTLS_CLIENT);  // for the fixture
  testing::gate().verdict.tap = nullptr;
}

TEST_F(VirtualGnutls, ServersAreNeverOurs) {
  gnutls_session_t server = nullptr;
  ASSERT_EQ(gnutls::gnutls_init(caller_, &server, GNUTLS_SERVER), 0);
  gnutls::gnutls_transport_set_int2(caller_, server, fds_[0], fds_[0]);
  EXPECT_LT(gnutls::gnutls_handshake(caller_, server), 0);
  EXPECT_EQ(testing::gate().decisions, 0);
  gnutls::gnutls_deinit(caller_, server);
}

}  // namespace
}  // namespace recshim::ops::gnutls
