// sniff(): each protocol, and with how few bytes it is known.
#include <gtest/gtest.h>

#include "shim/http/codec.h"

namespace recshim::http {

void PrintTo(Protocol protocol, std::ostream* out) {
  constexpr const char* kNames[] = {"kNeedMore", "kHttp1", "kHttp2", "kTls", "kOther"};
  *out << kNames[static_cast<int>(protocol)];
}

namespace {

// The answer must be `protocol` from the first decides_at bytes on, and kNeedMore before.
void expect_sniff(std::string_view bytes, Protocol protocol, size_t decides_at) {
  SCOPED_TRACE(bytes);
  for (size_t n = 0; n <= bytes.size(); ++n) {
    EXPECT_EQ(sniff(bytes.substr(0, n)), n < decides_at ? Protocol::kNeedMore : protocol)
        << "with " << n << " bytes";
  }
}

TEST(SniffTest, WellKnownMethodsAtOnce) {
  for (const std::string method :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"}) {
    expect_sniff(method + " /path HTTP/1.1\r\n", Protocol::kHttp1, method.size() + 2);
    expect_sniff(method + " http://h/ HTTP/1.1\r\n", Protocol::kHttp1, method.size() + 5);
  }
  expect_sniff("CONNECT h:443 HTTP/1.1\r\n", Protocol::kHttp1, 8);
}

TEST(SniffTest, OtherMethodsOnceTheVersionShows) {
  expect_sniff("OPTIONS * HTTP/1.1\r\n", Protocol::kHttp1, 17);
  expect_sniff("PROPFIND /x HTTP/1.1\r\n", Protocol::kHttp1, 19);
  expect_sniff("PRIME /x HTTP/1.0\n", Protocol::kHttp1, 16);
}

TEST(SniffTest, Http2Preface) {
  expect_sniff("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Protocol::kHttp2, 16);
}

TEST(SniffTest, Tls) {
  expect_sniff(std::string_view("\x16\x03\x01\x02\x00\x01", 6), Protocol::kTls, 2);
  expect_sniff("\x16\x02\x01", Protocol::kOther, 2);
}

TEST(SniffTest, Others) {
  expect_sniff(std::string_view("\0\0\0\x08\x04\xd2\x16\x2f", 8), Protocol::kOther, 1);  // Postgres
  expect_sniff("*3\r\n$3\r\nSET\r\n", Protocol::kOther, 3);                              // Redis
  expect_sniff("PING\r\n", Protocol::kOther, 5);
  expect_sniff("EHLO mail.example.org\r\n", Protocol::kOther, 23);  // SMTP
  expect_sniff("SSH-2.0-client\r\n", Protocol::kOther, 15);
  expect_sniff("\r\nGET / HTTP/1.1", Protocol::kOther, 1);
  expect_sniff(" GET / HTTP/1.1", Protocol::kOther, 1);
  expect_sniff("\x80\x2e\x01", Protocol::kOther, 1);
  expect_sniff("USER bob\x01\r\n", Protocol::kOther, 9);
  expect_sniff("GETS key\r\n", Protocol::kOther, 10);
  expect_sniff("GET key\r\n", Protocol::kOther, 9);  // memcached
}

TEST(SniffTest, EndsWithinItsLimits) {
  EXPECT_EQ(sniff(std::string(65, 'A')), Protocol::kOther);
  EXPECT_EQ(sniff("QUERY /" + std::string(60'000, 'a')), Protocol::kNeedMore);
  EXPECT_EQ(sniff("QUERY /" + std::string(70'000, 'a')), Protocol::kOther);
}

}  // namespace
}  // namespace recshim::http
