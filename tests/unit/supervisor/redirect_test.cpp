#include "tools/supervisor/redirect.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

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
      const auto made = redirect_stream(fd, family, *asked, nonblocking != 0, nullptr);
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

TEST(Redirect, WithoutLoopbackThePeerHasTheAddressThatWasAskedFor) {
  auto net = PrivateNet::make();
  if (!net) GTEST_SKIP() << net.error().message;
  // A socket of a protocol that can't be connected over loopback stands for one of a network
  // without an interface.
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto asked = control::endpoint_from_text("198.18.0.1", 443);
  for (int i = 0; i < 3; ++i) {  // also right after one another
    const auto made = redirect_stream(fd, AF_INET, *asked, true, net->get());
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
  const auto made = redirect_stream(fd, AF_INET6, *asked, false, net->get());
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(peer_of(made->replacement_fd).value_or(Endpoint{}).text(), "2001:db8::1");
  close(made->peer_fd);
  close(made->replacement_fd);
  close(fd);
}

TEST(Redirect, WithoutAnyNetworkItIsAPair) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto asked = control::endpoint_from_text("198.18.0.1", 443);
  const auto made = redirect_stream(fd, AF_INET, *asked, false, nullptr);
  ASSERT_TRUE(made) << made.error().message;
  expect_connected(made->replacement_fd, made->peer_fd);
  close(made->peer_fd);
  close(made->replacement_fd);
  close(fd);
}

}  // namespace
}  // namespace recshim::supervisor
