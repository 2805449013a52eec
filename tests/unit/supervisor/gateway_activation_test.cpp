// With small scripts in the gateway's place.
#include "tools/supervisor/gateway_activation.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim/base/env.h"
#include "shim/control/handover.h"
#include "shim/control/unix_socket.h"
#include "tests/unit/base/temp_dir.h"

namespace recshim::supervisor {
namespace {

// What a gateway says on a new connection; "" when it says nothing.
std::string greeting(const std::string& session) {
  const auto fd = control::connect_unix(control::gateway_socket_path(session), 10'000);
  if (!fd) return "nobody listens";
  char buffer[64];
  const auto n = control::receive_some(*fd, buffer, sizeof buffer);
  close(*fd);
  return n ? std::string(buffer, *n) : n.error().message;
}

std::vector<std::string> python(const std::string& program) {
  return {"/usr/bin/env", "python3", "-c",
          "import os, socket\nlistener = socket.socket(fileno=3)\n" + program};
}

TEST(GatewayActivation, StartsItForAConnectionAndAgainAfterItEnded) {
  const testing::TempDir folder;
  auto made = GatewayActivation::make(
      folder.path(),
      python("connection, _ = listener.accept()\n"
             "connection.send(os.environ['GREETING'].encode() + str(os.getpid()).encode())"),
      {"GREETING=hello ", std::string("PATH=") + getenv("PATH")});
  ASSERT_TRUE(made) << made.error().message;
  (*made)->start();
  const std::string first = greeting(folder.path());
  const std::string second = greeting(folder.path());
  EXPECT_TRUE(first.starts_with("hello ")) << first;
  EXPECT_TRUE(second.starts_with("hello ")) << second;
  EXPECT_NE(first, second) << "another process";
}

TEST(GatewayActivation, OneThatAlwaysFailsDoesNotKeepItsClientsWaiting) {
  const testing::TempDir folder;
  auto made = GatewayActivation::make(folder.path(), {"/bin/false"}, {});
  ASSERT_TRUE(made);
  (*made)->start();
  EXPECT_EQ(greeting(folder.path()), "");
  EXPECT_EQ(greeting(folder.path()), "");
}

TEST(GatewayActivation, EndsItWithTheSession) {
  const testing::TempDir folder;
  auto made = GatewayActivation::make(
      folder.path(),
      python("connection, _ = listener.accept()\nconnection.send(str(os.getpid()).encode())\n"
             "connection.recv(1)\nimport time\ntime.sleep(60)"),
      {std::string("PATH=") + getenv("PATH")});
  ASSERT_TRUE(made);
  (*made)->start();
  const pid_t gateway = std::atoi(greeting(folder.path()).c_str());
  ASSERT_GT(gateway, 0);
  EXPECT_EQ(kill(gateway, 0), 0);
  made->reset();
  EXPECT_NE(kill(gateway, 0), 0);
  EXPECT_FALSE(posix_env().stat(control::gateway_socket_path(folder.path())));
}

}  // namespace
}  // namespace recshim::supervisor
