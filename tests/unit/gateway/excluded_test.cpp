// Hosts that RECSHIM_HOSTS excludes, on connections to addresses that it includes: what is theirs
// passes, in every mode, and is nobody's recording.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shim/control/names.h"
#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kModes[] = {"record", "replay", "record-if-missing"};

std::string ask(const std::string& host, const std::string& target = "/a") {
  return "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
}

// Answers every request with its head, until the client closes.
void echo_heads(Wire& wire) {
  for (;;) {
    const std::string head = wire.read_until("\r\n\r\n");
    if (!head.ends_with("\r\n\r\n")) return;
    wire.write(answer(head + "answered"));
  }
}

std::string hello_for(SSL_CTX* context, const char* name) {
  SslPtr ssl(SSL_new(context));
  SSL_set_tlsext_host_name(ssl.get(), name);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  SSL_set_connect_state(ssl.get());
  SSL_do_handshake(ssl.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl.get()), &bytes);
  return {bytes, static_cast<size_t>(size)};
}

class ExcludedTest : public ::testing::Test {
 protected:
  void load(const std::string& mode, uint16_t server_port, const std::string& hosts) {
    lab_.variables[control::kHostsVariable] = hosts;
    lab_.load(mode, server_port);
    port_ = server_port;
  }
  // A connection to the server by its address.
  std::unique_ptr<Wire> by_address() {
    control::Handover handover;
    handover.host = "127.0.0.1";
    handover.port = port_;
    return lab_.hand_over(handover);
  }

  Lab lab_;
  uint16_t port_ = 0;
};

TEST_F(ExcludedTest, PlainHttpPasses) {
  for (const char* mode : kModes) {
    Server server(echo_heads, nullptr);
    load(mode, server.port(), "*,!login.test");
    const auto wire = by_address();
    wire->write(ask("login.test"));
    EXPECT_THAT(wire->read_until("answered"), HasSubstr("Host: login.test")) << mode;
    wire->close();
    lab_.join();
    EXPECT_THAT(lab_.outcomes(), IsEmpty()) << mode;
    EXPECT_THAT(lab_.recordings(), IsEmpty()) << mode;
  }
}

TEST_F(ExcludedTest, TlsPassesAsItIs) {
  for (const char* mode : kModes) {
    std::string hello;
    Server server(
        [&](Wire& wire) {
          if (wire.read_n(hello.size()) == hello) wire.write("not taken off");
        },
        nullptr);
    load(mode, server.port(), "127.0.0.0/8,!login.test");
    hello = hello_for(lab_.client_context(), "login.test");
    const auto wire = by_address();
    wire->write(hello);
    EXPECT_EQ(wire->read_until("off"), "not taken off") << mode;
    wire->close();
    lab_.join();
    EXPECT_THAT(lab_.outcomes(), IsEmpty()) << mode;
  }
}

TEST_F(ExcludedTest, EachRequestOfAConnectionIsJudged) {
  Server server(echo_heads, nullptr);
  load("record", server.port(), "*,!login.test");
  const auto wire = by_address();
  for (const char* host : {"login.test", "other.test", "login.test"}) {
    wire->write(ask(host, std::string("/") + host));
    EXPECT_THAT(wire->read_until("answered"), HasSubstr(std::string("Host: ") + host));
  }
  wire->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), ElementsAre("recorded"));
}

TEST_F(ExcludedTest, AnAddressThatIsExcludedIsNotRecordedUnderItsName) {
  Server server(echo_heads, nullptr);
  lab_.variables[control::kConnectToVariable] = "";
  load("record", server.port(), "*,!127.0.0.0/8,!::1");
  control::Handover handover;
  handover.host = "localhost";
  handover.port = server.port();
  const auto wire = lab_.hand_over(handover);
  wire->write(ask("localhost"));
  EXPECT_THAT(wire->read_until("answered"), HasSubstr("200 OK"));
  wire->close();
  lab_.join();
  EXPECT_THAT(lab_.outcomes(), IsEmpty());
}

TEST_F(ExcludedTest, AnAddressThatIsExcludedIsNotFetchedFrom) {
  Server server(echo_heads, nullptr);
  lab_.variables[control::kConnectToVariable] = "";
  load("record-if-missing", server.port(), "*,!127.0.0.0/8,!::1");
  control::Handover handover;
  handover.host = "localhost";
  handover.port = server.port();
  const auto wire = lab_.hand_over(handover);
  wire->write(ask("localhost"));
  EXPECT_EQ(wire->read_to_end(), "");
  EXPECT_THAT(lab_.told(), HasSubstr("RECSHIM_HOSTS excludes its address"));
  EXPECT_THAT(lab_.outcomes(), ElementsAre("refused"));
}

}  // namespace
}  // namespace recshim::gateway::testing
