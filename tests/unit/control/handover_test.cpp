// Handing a connection over: both ends of the message, over a real socket.
#include "shim/control/handover.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "shim/control/unix_socket.h"
#include "tests/unit/control/temp_folder.h"

namespace recshim::control {
namespace {

using testing::HasSubstr;

std::string read_to_end(int fd) {
  std::string all;
  char piece[65536];
  for (;;) {
    const ssize_t n = read(fd, piece, sizeof piece);
    if (n <= 0) return all;
    all.append(piece, static_cast<size_t>(n));
  }
}

class HandoverTest : public testing::Test {
 protected:
  // A gateway that takes one message and answers it; then reads the raw bytes.
  void serve(const std::string& answer = "") {
    auto listening = listen_unix(gateway_socket_path(folder_.path()));
    ASSERT_TRUE(listening.ok()) << listening.error().message;
    gateway_ = std::jthread([this, fd = *listening, answer] {
      const int control = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      received_ = receive_handover(control);
      if (answer != "gone") (void)answer_handover(control, answer);
      if (answer.empty()) raw_ = read_to_end(control);
      close(control);
      close(fd);
    });
  }
  void TearDown() override {
    gateway_ = {};
    if (received_ && received_->ok() && (*received_)->descriptors.connection >= 0) {
      close((*received_)->descriptors.connection);
    }
  }

  TempFolder folder_;
  std::optional<Result<Received>> received_;
  std::string raw_;
  std::jthread gateway_;
};

TEST_F(HandoverTest, EverythingArrives) {
  serve();
  std::array<int, 2> pair{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  Handover given;
  given.host = "api.test";
  given.port = 8443;
  given.plaintext = true;
  given.proxy = true;
  given.test_id = "tests/a.py::test_b";
  given.phase = "call";
  given.pid = 42;
  given.program = "prog";
  given.to_client = std::string("\0\xff rest", 7);
  const auto control = hand_over(folder_.path(), given, {pair[0], -1, STDERR_FILENO});
  ASSERT_TRUE(control.ok()) << control.error().message;
  EXPECT_NE(fcntl(*control, F_GETFD) & FD_CLOEXEC, 0);
  close(pair[0]);
  const std::string raw(3'000'000, 'r');
  EXPECT_TRUE(send_raw(*control, raw).ok());
  end_raw(*control);
  gateway_ = {};
  close(*control);

  ASSERT_TRUE(received_->ok()) << received_->error().message;
  const Received& got = **received_;
  EXPECT_FALSE(got.presence);
  EXPECT_EQ(got.handover.host, "api.test");
  EXPECT_EQ(got.handover.port, 8443);
  EXPECT_TRUE(got.handover.plaintext);
  EXPECT_TRUE(got.handover.proxy);
  EXPECT_EQ(got.handover.test_id, "tests/a.py::test_b");
  EXPECT_EQ(got.handover.phase, "call");
  EXPECT_EQ(got.handover.pid, 42);
  EXPECT_EQ(got.handover.program, "prog");
  EXPECT_EQ(got.handover.to_client, given.to_client);
  EXPECT_TRUE(raw_ == raw);
  ASSERT_GE(got.descriptors.standard_error, 0);
  close(got.descriptors.standard_error);
  // The descriptor is the connection's own other end.
  ASSERT_EQ(write(got.descriptors.connection, "hi", 2), 2);
  char back[2];
  ASSERT_EQ(read(pair[1], back, 2), 2);
  close(pair[1]);
}

TEST_F(HandoverTest, AWatchedConnectionBringsItsServers) {
  serve();
  std::array<int, 2> client{};
  std::array<int, 2> server{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client.data()), 0);
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, server.data()), 0);
  Handover given;
  given.host = "192.0.2.1";
  given.watched = true;
  const auto control = hand_over(folder_.path(), given, {client[0], server[0], -1});
  ASSERT_TRUE(control.ok()) << control.error().message;
  close(*control);
  gateway_ = {};
  ASSERT_TRUE(received_->ok()) << received_->error().message;
  const Received& got = **received_;
  EXPECT_TRUE(got.handover.watched);
  EXPECT_EQ(got.descriptors.standard_error, -1);
  ASSERT_EQ(write(got.descriptors.upstream, "hi", 2), 2);
  char back[2];
  EXPECT_EQ(recv(server[1], back, 2, MSG_DONTWAIT), 2);
  close(got.descriptors.upstream);
  for (const int fd : {client[0], client[1], server[0], server[1]}) close(fd);
}

TEST_F(HandoverTest, AWatchedConnectionWithoutItsServersIsRefused) {
  serve("a descriptor is missing");
  Handover given;
  given.host = "192.0.2.1";
  given.watched = true;
  const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  const auto control = hand_over(folder_.path(), given, {fd, -1, -1});
  close(fd);
  gateway_ = {};
  ASSERT_FALSE(received_->ok());
  EXPECT_EQ(received_->error().code, ErrorCode::kInvalid);
}

TEST_F(HandoverTest, APresenceHasNoConnection) {
  serve();
  const auto control = open_presence(folder_.path());
  ASSERT_TRUE(control.ok()) << control.error().message;
  close(*control);
  gateway_ = {};
  ASSERT_TRUE(received_->ok());
  EXPECT_TRUE((*received_)->presence);
  EXPECT_EQ((*received_)->handover.pid, getpid());
}

TEST_F(HandoverTest, WithoutAGatewayItSaysSo) {
  const auto nothing = hand_over(folder_.path(), {}, {STDIN_FILENO, -1, -1});
  ASSERT_FALSE(nothing.ok());
  EXPECT_EQ(nothing.error().code, ErrorCode::kNotFound);

  const auto stale = listen_unix(gateway_socket_path(folder_.path()));
  ASSERT_TRUE(stale.ok());
  close(*stale);
  EXPECT_EQ(open_presence(folder_.path()).error().code, ErrorCode::kNotFound) << "a stale socket";

  serve("gone");
  EXPECT_EQ(open_presence(folder_.path()).error().code, ErrorCode::kNotFound) << "it died";
}

TEST_F(HandoverTest, TheGatewaysReasonIsPassedOn) {
  serve("no room\nleft");
  const auto refused = open_presence(folder_.path());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_THAT(refused.error().message, HasSubstr("no room left"));
}

TEST_F(HandoverTest, WhatIsNoMessageIsAnError) {
  const auto send = [&](const std::string& bytes) {
    std::array<int, 2> pair{};
    std::array<int, 2> given{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    EXPECT_EQ(pipe(given.data()), 0);
    EXPECT_TRUE(send_with_descriptors(pair[0], bytes, {given[1]}).ok());
    close(pair[0]);
    close(given[1]);
    const auto got = receive_handover(pair[1]);
    EXPECT_EQ(read_to_end(given[0]), "") << "the descriptor that came is closed";
    close(given[0]);
    close(pair[1]);
    return got.ok() ? std::string("taken") : got.error().message;
  };
  const auto framed = [](const std::string& text) {
    return std::string(3, '\0') + static_cast<char>(text.size()) + text;
  };
  EXPECT_THAT(send(framed("[1]")), HasSubstr("not a handover"));
  EXPECT_THAT(send(framed(R"({"v":2})")), HasSubstr("version"));
  EXPECT_THAT(send(framed(R"({"v":1,"pid":1,"host":"a"})")), HasSubstr("port"));
  EXPECT_THAT(send("\xff\xff\xff\xff"), HasSubstr("256 MiB"));
  EXPECT_THAT(send(std::string("\0\0\0\x09half", 8)), HasSubstr("closed early"));
}

TEST_F(HandoverTest, ALongPathIsNoHindrance) {
  const std::string deep = folder_.path(std::string(100, 'a') + "/" + std::string(100, 'b'));
  std::filesystem::create_directories(deep);
  const auto listening = listen_unix(gateway_socket_path(deep));
  ASSERT_TRUE(listening.ok()) << listening.error().message;
  const auto connected = connect_unix(gateway_socket_path(deep), 1000);
  ASSERT_TRUE(connected.ok()) << connected.error().message;
  close(*connected);
  close(*listening);
}

}  // namespace
}  // namespace recshim::control
