// FailingEnv itself, so that tests of error paths can be believed.
#include <gtest/gtest.h>

#include "tests/unit/base/fake_env.h"

namespace recshim::testing {
namespace {

TEST(FailingEnvTest, FailsAfterTheGivenSuccessesUntilHealed) {
  MemoryEnv memory;
  FailingEnv env(memory);
  env.fail(EnvOp::kWriteAtomic, {ErrorCode::kIo, "disk full"}, 1);
  EXPECT_TRUE(env.write_atomic("a", "1").ok());
  for (int i = 0; i < 3; ++i) {
    Status status = env.write_atomic("a", "2");
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().message, "disk full");
  }
  EXPECT_EQ(*env.read_file("a"), "1");
  env.heal();
  EXPECT_TRUE(env.write_atomic("a", "2").ok());
}

TEST(FailingEnvTest, ReachesOpenFiles) {
  MemoryEnv memory;
  FailingEnv env(memory);
  auto spill = env.create_spill("d");
  ASSERT_TRUE(spill.ok());
  ASSERT_TRUE((*spill)->append("x").ok());
  env.fail(EnvOp::kSpillAppend);
  env.fail(EnvOp::kSpillRead);
  env.fail(EnvOp::kSpillPublish);
  char c = 0;
  EXPECT_FALSE((*spill)->append("y").ok());
  EXPECT_FALSE((*spill)->read_at(0, &c, 1).ok());
  EXPECT_FALSE((*spill)->publish("d/f").ok());
  env.heal();
  EXPECT_TRUE((*spill)->publish("d/f").ok());
  EXPECT_EQ(*env.read_file("d/f"), "x");
}

}  // namespace
}  // namespace recshim::testing
