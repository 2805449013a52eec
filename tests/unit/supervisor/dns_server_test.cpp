#include "tools/supervisor/dns_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/control/dns_message.h"

using testing::ElementsAre;

namespace recshim::supervisor {
namespace {

using namespace std::string_literals;
using control::dns_answer;
using control::Endpoint;

std::string query_for(const std::string& label) {
  return "\x00\x07\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"s + static_cast<char>(label.size()) +
         label + "\x04test\x00\x00\x01\x00\x01"s;
}

std::optional<uint32_t> resolve(const std::string& host) {
  return host == "known.test" ? std::optional<uint32_t>(0xc6120001) : std::nullopt;
}

// The answer to query from exactly `server`, as a resolver takes it.
std::string ask(int fd, const Endpoint& server, int family, const std::string& query,
                int patience_s = 5) {
  const timeval patience = {patience_s, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_storage address{};
  socklen_t length = control::to_sockaddr(server, family, &address);
  if (sendto(fd, query.data(), query.size(), 0, reinterpret_cast<sockaddr*>(&address), length) <
      0) {
    return "not sent";
  }
  std::string answer(512, '\0');
  length = sizeof address;
  const ssize_t n =
      recvfrom(fd, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&address), &length);
  const auto from = control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
  if (n < 0 || !from) return "no answer";
  if (from->text() != server.text() || from->port != server.port) return "from " + from->text();
  answer.resize(static_cast<size_t>(n));
  return answer;
}

TEST(DnsServer, ReadsNameservers) {
  EXPECT_THAT(nameservers_of("# x\nnameserver 192.0.2.1\nsearch a\nnameserver ::1 # y\n"),
              ElementsAre("192.0.2.1", "::1"));
  EXPECT_THAT(nameservers_of(""), ElementsAre("127.0.0.1"));
}

TEST(DnsServer, AnswersOnLoopback) {
  DnsServer server(nullptr, resolve);
  server.start();
  EXPECT_FALSE(server.serves_private_net());
  const auto at = server.loopback(AF_INET);
  ASSERT_TRUE(at);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const std::string query = query_for("known");
  EXPECT_EQ(ask(fd, *at, AF_INET, query), dns_answer(query, 0xc6120001));
  EXPECT_EQ(ask(fd, *at, AF_INET, "\0\1"s + std::string(10, '\0'), 1), "no answer") << "malformed";
  EXPECT_EQ(ask(fd, *at, AF_INET, query), dns_answer(query, 0xc6120001)) << "and lives on";
  close(fd);
}

TEST(DnsServer, AnswersAsTheNameserverThatWasAsked) {
  auto net = PrivateNet::make();
  if (!net) GTEST_SKIP() << net.error().message;
  DnsServer server(net->get(), resolve);
  server.start();
  ASSERT_TRUE(server.serves_private_net());
  const std::string query = query_for("known");
  struct Case {
    int family;
    const char* address;
  };
  for (const Case& at : {Case{AF_INET, "192.0.2.53"}, Case{AF_INET, "127.0.0.53"},
                         Case{AF_INET6, "::ffff:192.0.2.53"}, Case{AF_INET6, "2001:db8::53"}}) {
    const auto fd = (*net)->socket(at.family, SOCK_DGRAM);
    ASSERT_TRUE(fd) << fd.error().message;
    EXPECT_TRUE((*net)->holds(*fd));
    EXPECT_EQ(ask(*fd, *control::endpoint_from_text(at.address, 53), at.family, query),
              dns_answer(query, 0xc6120001))
        << at.address;
    close(*fd);
  }
}

}  // namespace
}  // namespace recshim::supervisor
