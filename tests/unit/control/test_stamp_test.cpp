// The test a process is in, as its gateway reads it.
#include "shim/control/test_stamp.h"

#include <gtest/gtest.h>

namespace recshim::control {
namespace {

TEST(TestStamp, TheLastOneWrittenIsRead) {
  const auto memory = std::move(*SessionMemory::make_private());
  EXPECT_FALSE(read_stamp(*memory, 7));
  ASSERT_TRUE(write_stamp(*memory, 7, {"tests/a.py::one \"ü\"\n", "setup"}).ok());
  ASSERT_TRUE(write_stamp(*memory, 8, {std::nullopt, ""}).ok());
  EXPECT_EQ(read_stamp(*memory, 7)->test_id, "tests/a.py::one \"ü\"\n");
  EXPECT_EQ(read_stamp(*memory, 7)->phase, "setup");
  EXPECT_EQ(read_stamp(*memory, 8)->test_id, std::nullopt);
  ASSERT_TRUE(write_stamp(*memory, 7, {"", "call"}).ok());
  EXPECT_EQ(read_stamp(*memory, 7), (TestStamp{"", "call"}));
}

}  // namespace
}  // namespace recshim::control
