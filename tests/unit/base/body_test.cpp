// Body: memory, spill, failure, reading back.
#include "shim/base/body.h"

#include <gtest/gtest.h>

#include "shim/base/sha256.h"
#include "tests/unit/base/fake_env.h"

namespace recshim {
namespace {

using testing::EnvOp;
using testing::FailingEnv;
using testing::MemoryEnv;

std::string pattern(size_t n) {
  std::string out(n, '\0');
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

TEST(BodyTest, StaysInMemoryUpToTheThreshold) {
  MemoryEnv env;
  Body body;
  body.set_spill(&env, "spill");
  ASSERT_TRUE(body.append(pattern(Body::kSpillThresholdBytes)).ok());
  EXPECT_TRUE(body.in_memory());
  EXPECT_EQ(body.file(), nullptr);
  ASSERT_TRUE(body.append("x").ok());
  EXPECT_FALSE(body.in_memory());
  EXPECT_EQ(body.size(), Body::kSpillThresholdBytes + 1);
}

TEST(BodyTest, WithoutSpillItStaysInMemory) {
  Body body;
  ASSERT_TRUE(body.append(pattern(Body::kSpillThresholdBytes)).ok());
  ASSERT_TRUE(body.append("more").ok());
  EXPECT_TRUE(body.in_memory());
  EXPECT_EQ(body.view().substr(Body::kSpillThresholdBytes), "more");
}

TEST(BodyTest, MemoryAndFileReadAlike) {
  const std::string text = pattern(Body::kSpillThresholdBytes + 300'000);
  MemoryEnv env;
  Body spilled;
  spilled.set_spill(&env, "spill");
  for (size_t at = 0; at < text.size(); at += 70'001) {
    ASSERT_TRUE(spilled.append(std::string_view(text).substr(at, 70'001)).ok());
  }
  const Body memory(text);
  ASSERT_FALSE(spilled.in_memory());
  for (const Body* body : {static_cast<const Body*>(&spilled), &memory}) {
    EXPECT_EQ(body->size(), text.size());
    EXPECT_EQ(*body->read(5, 7), text.substr(5, 7));
    EXPECT_EQ(*body->read(text.size() - 3, 100), text.substr(text.size() - 3));
    EXPECT_EQ(*body->read(text.size(), 1), "");
    EXPECT_EQ(*body->read(text.size() + 9, 1), "");
    EXPECT_EQ(*body->sha256_hex(), sha256_hex(text));
    std::string joined;
    ASSERT_TRUE(body->for_each_block([&](std::string_view block) {
                      EXPECT_LE(block.size(), size_t{256} << 10);
                      joined += block;
                      return true;
                    })
                    .ok());
    EXPECT_EQ(joined, text);
  }
}

TEST(BodyTest, BlocksStopOnRequest) {
  const Body body(pattern(1 << 20));
  int calls = 0;
  ASSERT_TRUE(body.for_each_block([&](std::string_view) { return ++calls < 2; }).ok());
  EXPECT_EQ(calls, 2);
}

TEST(BodyTest, PublishesItsFile) {
  MemoryEnv env;
  Body body;
  body.set_spill(&env, "rec");
  const std::string text = pattern(Body::kSpillThresholdBytes + 1);
  ASSERT_TRUE(body.append(text).ok());
  ASSERT_TRUE(body.file()->publish("rec/x.body").ok());
  EXPECT_EQ(*env.read_file("rec/x.body"), text);
  const Body again = Body::from_file(*env.open_readonly("rec/x.body"), text.size());
  EXPECT_FALSE(again.in_memory());
  EXPECT_EQ(*again.sha256_hex(), sha256_hex(text));
}

TEST(BodyTest, AFailedSpillBreaksIt) {
  for (const EnvOp op : {EnvOp::kCreateSpill, EnvOp::kSpillAppend}) {
    MemoryEnv memory;
    FailingEnv env(memory);
    env.fail(op);
    Body body;
    body.set_spill(&env, "spill");
    ASSERT_TRUE(body.append("start").ok());
    EXPECT_EQ(body.append(pattern(Body::kSpillThresholdBytes)).error().code, ErrorCode::kIo);
    EXPECT_TRUE(body.broken());
    env.heal();
    EXPECT_FALSE(body.append("late").ok());
    EXPECT_EQ(body.size(), 5U);
  }
}

TEST(BodyTest, AFileShorterThanSaidIsAnError) {
  MemoryEnv env;
  ASSERT_TRUE(env.write_atomic("f", "short").ok());
  const Body body = Body::from_file(*env.open_readonly("f"), 10);
  EXPECT_FALSE(body.sha256_hex().ok());
  EXPECT_EQ(*body.read(0, 10), "short");
}

TEST(BodyTest, AReadErrorIsPassedOn) {
  MemoryEnv memory;
  FailingEnv env(memory);
  ASSERT_TRUE(env.write_atomic("f", "text").ok());
  const Body body = Body::from_file(*env.open_readonly("f"), 4);
  env.fail(EnvOp::kSpillRead);
  EXPECT_FALSE(body.read(0, 4).ok());
  EXPECT_FALSE(body.for_each_block([](std::string_view) { return true; }).ok());
}

}  // namespace
}  // namespace recshim
