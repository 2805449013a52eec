// What may be read of a folder that anybody may have put files into.
#include "shim/base/regular_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/base/temp_dir.h"

namespace recshim {
namespace {

using ::testing::HasSubstr;

struct RegularFile : ::testing::Test {
  RegularFile() {
    EXPECT_TRUE(env.write_atomic(dir + "/sub/file", "text").ok());
    EXPECT_TRUE(env.write_atomic(temp.path() + "/outside", "secret").ok());
    EXPECT_EQ(::mkfifo((dir + "/fifo").c_str(), 0600), 0);
  }
  void link(const std::string& to, const std::string& name) {
    EXPECT_EQ(::symlink(to.c_str(), (dir + "/" + name).c_str()), 0);
  }
  std::string read(const std::string& name) {
    const auto text = read_below(env, dir, dir + "/" + name, 10);
    EXPECT_EQ(open_below(env, dir, dir + "/" + name).ok(),
              text.ok() || text.error().code == ErrorCode::kTooLarge);
    return text ? *text : text.error().message;
  }

  testing::TempDir temp;
  std::string dir = temp.path() + "/recordings";
  Env& env = posix_env();
};

TEST_F(RegularFile, LinksInsideTheFolderAreFollowed) {
  link("sub/file", "inside");
  link("sub", "folder");
  for (const char* name : {"sub/file", "inside", "folder/file"}) EXPECT_EQ(read(name), "text");
  // The folder itself may be a link.
  link(dir, "../elsewhere");
  const std::string elsewhere = temp.path() + "/elsewhere";
  EXPECT_EQ(*read_below(env, elsewhere, elsewhere + "/sub/file", 10), "text");
}

TEST_F(RegularFile, NothingElseIsOpened) {
  link("../outside", "out");
  link("..", "up");
  link("/dev/zero", "endless");
  link("loop", "loop");
  link("nowhere", "dangling");
  for (const char* name : {"fifo", "sub"}) EXPECT_THAT(read(name), HasSubstr("is no regular file"));
  for (const char* name : {"out", "up/outside", "endless"}) {
    EXPECT_THAT(read(name), HasSubstr("leads out of the folder")) << name;
  }
  for (const char* name : {"loop", "dangling"}) {
    EXPECT_THAT(read(name), HasSubstr("a link that leads nowhere")) << name;
  }
  EXPECT_EQ(read_below(env, dir, dir + "/none", 10).error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(env.write_atomic(dir + "/large", "eleven byte").ok());
  EXPECT_THAT(read("large"), HasSubstr("has 11 bytes"));
}

TEST_F(RegularFile, FoldersBehindLinksAreNotSearched) {
  link("..", "up");
  link(".", "again");
  link("/", "disk");
  EXPECT_EQ(why_not_searchable(dir, dir + "/sub"), "");
  EXPECT_EQ(why_not_searchable(dir, dir + "/again"), ".");
  EXPECT_THAT(why_not_searchable(dir, dir + "/up"), HasSubstr("leads out of the folder"));
  EXPECT_THAT(why_not_searchable(dir, dir + "/disk"), HasSubstr("leads out of the folder, to /"));
}

}  // namespace
}  // namespace recshim
