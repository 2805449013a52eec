#include "tools/supervisor/redirect.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace recshim::supervisor {
namespace {

using control::Endpoint;

std::optional<Endpoint> peer_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
}

void expect_connected(int a, int b) {
  char byte = 'x';
  ASSERT_EQ(write(a, &byte, 1), 1);
  ASSERT_EQ(read(b, &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Redirect, ConnectsTheProgramsOwnSocketOverLoopback) {
  for (const int family : {AF_INET, AF_INET6}) {
    for (const int nonblocking : {0, int{SOCK_NONBLOCK}}) {
      const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | nonblocking, 0);
      if (fd < 0) continue;  // a machine without IPv6
      const auto asked = control::endpoint_from_text("198.18.0.1", 443);
      const auto made = redirect_stream(fd, family, *asked, nonblocking != 0, -1, nullptr);
      ASSERT_TRUE(made) << made.error().message;
      EXPECT_EQ(made->replacement_fd, -1);
      EXPECT_TRUE(made->error == 0 || (nonblocking != 0 && made->error == EINPROGRESS));
      expect_connected(made->peer_fd, fd);
      expect_connected(fd, made->peer_fd);
      close(made->peer_fd);
      close(fd);
    }
  }
}

std::optional<Endpoint> own_end(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return std::nullopt;
  return control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
}

// A server on the loopback interface of its family; -1 where there is none.
int listening(int family, Endpoint& at) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto any = control::endpoint_from_text(family == AF_INET6 ? "::1" : "127.0.0.1", 0);
  sockaddr_storage address{};
  const socklen_t length = control::to_sockaddr(*any, family, &address);
  if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      listen(fd, 5) != 0) {
    close(fd);
    return -1;
  }
  at = *own_end(fd);
  return fd;
}

TEST(Redirect, AProgramHasTheLocalAddressThatItsServerSees) {
  for (const int family : {AF_INET, AF_INET6}) {
    Endpoint server;
    const int listener = listening(family, server);
    if (listener < 0) continue;  // a machine without IPv6
    for (int i = 0; i < 3; ++i) {
      const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const auto upstream = connect_upstream(fd, family, server, [](int) { return false; });
      ASSERT_EQ(upstream.error, 0);
      const int accepted = accept(listener, nullptr, nullptr);
      const auto made = redirect_stream(fd, family, server, false, upstream.fd, nullptr);
      ASSERT_TRUE(made) << made.error().message;
      EXPECT_EQ(made->replacement_fd, -1);
      EXPECT_EQ(own_end(fd)->text(), peer_of(accepted)->text());
      EXPECT_EQ(own_end(fd)->port, peer_of(accepted)->port);
      expect_connected(fd, made->peer_fd);
      expect_connected(upstream.fd, accepted);
      for (const int open : {fd, upstream.fd, accepted, made->peer_fd}) close(open);
    }
    close(listener);
  }
}

TEST(Redirect, AnUpstreamThatRefusesSaysSo) {
  Endpoint server;
  close(listening(AF_INET, server));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto upstream = connect_upstream(fd, AF_INET, server, [](int) { return false; });
  EXPECT_EQ(upstream.fd, -1);
  EXPECT_EQ(upstream.error, ECONNREFUSED);
  close(fd);
}

TEST(Redirect, AnUpstreamIsWaitedForAsLongAsIsWanted) {
  // A backlog that is full does not answer.
  Endpoint server;
  const int listener = listening(AF_INET, server);
  ASSERT_EQ(listen(listener, 0), 0);
  std::vector<int> waiting;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int asked = 0;
  for (int i = 0; i < 20 && asked < 2; ++i) {
    const auto upstream = connect_upstream(fd, AF_INET, server, [&](int) { return ++asked < 2; });
    ASSERT_EQ(upstream.error, 0);
    waiting.push_back(upstream.fd);
  }
  EXPECT_EQ(asked, 2) << "a connection in the making";
  for (const int open : waiting) close(open);
  close(listener);
  close(fd);
}

TEST(Redirect, WithoutLoopbackThePeerHasTheAddressThatWasAskedFor) {
  auto net = PrivateNet::make();
  if (!net) GTEST_SKIP() << net.error().message;
  // A socket of a protocol that can't be connected over loopback stands for one of a network
  // without an interface.
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto asked = control::endpoint_from_text("198.18.0.1", 443);
  for (int i = 0; i < 3; ++i) {  // also right after one another
    const auto made = redirect_stream(fd, AF_INET, *asked, true, -1, net->get());
    ASSERT_TRUE(made) << made.error().message;
    ASSERT_GE(made->replacement_fd, 0);
    EXPECT_EQ(made->error, 0);
    EXPECT_NE(fcntl(made->replacement_fd, F_GETFL) & O_NONBLOCK, 0);
    EXPECT_EQ(peer_of(made->replacement_fd).value_or(Endpoint{}).text(), "198.18.0.1");
    expect_connected(made->replacement_fd, made->peer_fd);
    close(made->peer_fd);
    close(made->replacement_fd);
  }
  close(fd);
}

TEST(Redirect, ThePrivateNetworkHasEveryIpv6AddressToo) {
  auto net = PrivateNet::make();
  if (!net) GTEST_SKIP() << net.error().message;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto asked = control::endpoint_from_text("2001:db8::1", 443);
  const auto made = redirect_stream(fd, AF_INET6, *asked, false, -1, net->get());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(peer_of(made->replacement_fd).value_or(Endpoint{}).text(), "2001:db8::1");
  close(made->peer_fd);
  close(made->replacement_fd);
  close(fd);
}

TEST(Redirect, WithoutAnyNetworkItIsAPair) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto asked = control::endpoint_from_text("198.18.0.1", 443);
  const auto made = redirect_stream(fd, AF_INET, *asked, false, -1, nullptr);
  ASSERT_TRUE(made) << made.error().message;
  expect_connected(made->replacement_fd, made->peer_fd);
  close(made->peer_fd);
  close(made->replacement_fd);
  close(fd);
}

}  // namespace
}  // namespace recshim::supervisor
