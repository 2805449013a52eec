// The test a process is in, as its gateway reads it.
#include "shim/control/stamp_file.h"

#include <gtest/gtest.h>

#include "tests/unit/base/fake_env.h"

namespace recshim::control {
namespace {

TEST(StampFile, TheLastOneWrittenIsRead) {
  testing::MemoryEnv env;
  EXPECT_FALSE(read_stamp(env, "/session", 7));
  ASSERT_TRUE(write_stamp(env, "/session", 7, {"tests/a.py::one \"ü\"", "setup"}).ok());
  ASSERT_TRUE(write_stamp(env, "/session", 8, {std::nullopt, ""}).ok());
  EXPECT_EQ(read_stamp(env, "/session", 7)->test_id, "tests/a.py::one \"ü\"");
  EXPECT_EQ(read_stamp(env, "/session", 7)->phase, "setup");
  EXPECT_EQ(read_stamp(env, "/session", 8)->test_id, std::nullopt);
  ASSERT_TRUE(env.write_atomic("/session/tests/7", "[]").ok());
  EXPECT_FALSE(read_stamp(env, "/session", 7));
}

}  // namespace
}  // namespace recshim::control
