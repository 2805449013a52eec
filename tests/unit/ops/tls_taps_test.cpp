#include "shim/ops/tls_taps.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/ops/fake_gate.h"

namespace recshim::ops {
namespace {

struct CountingSession final : TappedSession {
  void drain(int fd) override {
    ++drains;
    last_fd = fd;
  }
  int drains = 0, last_fd = -2;
};

TEST(Taps, CloseDrainsTheSessionOfItsTap) {
  testing::FakeTap tap, other;
  CountingSession session;
  register_tap(&tap, &session);
  drain_tap(&other, 5);
  EXPECT_EQ(session.drains, 0);
  drain_tap(&tap, 7);
  EXPECT_EQ(session.drains, 1);
  EXPECT_EQ(session.last_fd, 7);
  unregister_tap(&tap, &session);
  drain_tap(&tap, 7);
  EXPECT_EQ(session.drains, 1);
}

TEST(Taps, ASessionInUseIsNotDrained) {
  testing::FakeTap tap;
  CountingSession session;
  register_tap(&tap, &session);
  session.begin_call();
  drain_tap(&tap, 7);
  EXPECT_EQ(session.drains, 0);
  session.end_call();
  drain_tap(&tap, 7);
  EXPECT_EQ(session.drains, 1);
  unregister_tap(&tap, &session);
}

TEST(Taps, ACallWaitsForADrainAndNoLonger) {
  CountingSession session;
  ASSERT_TRUE(session.try_begin_drain());
  EXPECT_FALSE(session.try_begin_drain());
  std::thread program([&] {
    session.begin_call();
    session.end_call();
  });
  session.end_drain();
  program.join();
  ASSERT_TRUE(session.try_begin_drain());
  session.end_drain();
}

TEST(Taps, AForkedChildForgetsADrainOfItsParent) {
  testing::FakeTap tap;
  CountingSession session;
  register_tap(&tap, &session);
  ASSERT_TRUE(session.try_begin_drain());
  forget_drains();
  session.begin_call();  // would wait for good
  session.end_call();
  unregister_tap(&tap, &session);
}

}  // namespace
}  // namespace recshim::ops
