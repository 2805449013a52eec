// The ClientHello's server name, whole, cut off at every byte, and in several records.
#include "shim/flow/client_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/gateway/openssl_ptr.h"

namespace recshim::flow {
namespace {

using gateway::SslContextPtr;
using gateway::SslPtr;
using State = ClientHello::State;

std::string client_hello(const char* name) {
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SslPtr ssl(SSL_new(context.get()));
  if (name != nullptr) SSL_set_tlsext_host_name(ssl.get(), name);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  return gateway::bio_text(SSL_get_wbio(ssl.get()));
}

TEST(ServerName, IsFoundOnceTheHelloIsWhole) {
  const std::string hello = client_hello("Api.Test");
  EXPECT_EQ(read_client_hello(hello).server_name, "api.test");
  EXPECT_EQ(read_client_hello(hello).random[31], static_cast<unsigned char>(hello[42]));
  for (size_t n = 0; n < hello.size(); ++n) {
    EXPECT_EQ(read_client_hello(hello.substr(0, n)).state, State::kNeedMore) << n;
  }
  EXPECT_EQ(read_client_hello(client_hello(nullptr)).state, State::kWhole);
  EXPECT_EQ(read_client_hello(client_hello(nullptr)).server_name, "");
}

TEST(ServerName, IsFoundInRecordsOfAnySize) {
  const std::string hello = client_hello("api.test");
  std::string cut;
  for (size_t at = 5; at < hello.size(); at += 7) {
    const std::string piece = hello.substr(at, 7);
    cut += hello.substr(0, 3) + '\0' + static_cast<char>(piece.size()) + piece;
  }
  EXPECT_EQ(read_client_hello(cut).server_name, "api.test");
}

TEST(ServerName, OtherBytesAskForNone) {
  EXPECT_EQ(read_client_hello("GET / HTTP/1.1\r\n").state, State::kNone);
  const std::string server_hello("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9);
  EXPECT_EQ(read_client_hello(server_hello).state, State::kNone);
  std::string broken = client_hello("api.test");
  for (size_t i = 5; i < broken.size(); ++i) {
    std::string other = broken;
    other[i] = '\xff';
    (void)read_client_hello(other);  // stays within its bytes (sanitizers look)
  }
}

}  // namespace
}  // namespace recshim::flow
