// What every Env must do, run on PosixEnv in a temporary folder and on MemoryEnv.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/unit/base/fake_env.h"
#include "tests/unit/base/temp_dir.h"

namespace recshim::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class EnvTest : public ::testing::TestWithParam<bool> {
 protected:
  Env& env() { return GetParam() ? posix_env() : static_cast<Env&>(memory_); }
  std::string at(const std::string& name) { return temp_.path() + "/" + name; }
  std::vector<std::string> names(const std::string& dir) {
    std::vector<std::string> out;
    auto entries = env().list(dir);
    EXPECT_TRUE(entries.ok());
    if (!entries.ok()) return out;
    for (const DirEntry& entry : *entries)
      out.push_back(entry.name + (entry.is_directory ? "/" : ""));
    return out;
  }
  void SetUp() override { ASSERT_TRUE(env().make_dirs(temp_.path()).ok()); }

  TempDir temp_;
  MemoryEnv memory_;
};

INSTANTIATE_TEST_SUITE_P(, EnvTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Posix" : "Memory"; });

TEST_P(EnvTest, WritesReplaceAndMakeParents) {
  const std::string path = at("a/b/c.json");
  ASSERT_TRUE(env().write_atomic(path, "one").ok());
  ASSERT_TRUE(env().write_atomic(path, std::string("tw\0o", 4)).ok());
  EXPECT_EQ(*env().read_file(path), std::string("tw\0o", 4));
  EXPECT_THAT(names(at("a/b")), UnorderedElementsAre("c.json"));
}

TEST_P(EnvTest, MissingFilesAreNotFound) {
  EXPECT_EQ(env().read_file(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().open_readonly(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().stat(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().list(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().remove(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().remove_tree(at("no")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().rename(at("no"), at("to")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().set_mtime_ns(at("no"), 1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(env().append(at("no/file"), "x").error().code, ErrorCode::kNotFound);
}

TEST_P(EnvTest, AFolderIsNoFileAndAFileNoFolder) {
  ASSERT_TRUE(env().make_dirs(at("dir")).ok());
  EXPECT_EQ(env().read_file(at("dir")).error().code, ErrorCode::kIo);
  EXPECT_EQ(env().write_atomic(at("dir"), "x").error().code, ErrorCode::kIo);
  ASSERT_TRUE(env().write_atomic(at("file"), "x").ok());
  EXPECT_EQ(env().make_dirs(at("file")).error().code, ErrorCode::kIo);
  EXPECT_EQ(env().make_dirs(at("file/sub")).error().code, ErrorCode::kIo);
  EXPECT_FALSE(env().write_atomic(at("file/sub"), "x").ok());
  EXPECT_EQ(env().create_spill(at("file")).error().code, ErrorCode::kIo);
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("dir/", "file"));
}

TEST_P(EnvTest, AppendCreatesAndAdds) {
  ASSERT_TRUE(env().append(at("journal"), "one\n").ok());
  ASSERT_TRUE(env().append(at("journal"), "two\n").ok());
  EXPECT_EQ(*env().read_file(at("journal")), "one\ntwo\n");
}

TEST_P(EnvTest, SpillIsNamelessUntilPublished) {
  auto spill = env().create_spill(at("rec"));
  ASSERT_TRUE(spill.ok());
  ASSERT_TRUE((*spill)->append("hello ").ok());
  ASSERT_TRUE((*spill)->append("world").ok());
  EXPECT_THAT(names(at("rec")), IsEmpty());

  char buffer[8] = {};
  EXPECT_EQ(*(*spill)->read_at(6, buffer, sizeof buffer), 5U);
  EXPECT_STREQ(buffer, "world");
  EXPECT_EQ(*(*spill)->read_at(11, buffer, sizeof buffer), 0U);
  EXPECT_EQ(*(*spill)->read_at(99, buffer, sizeof buffer), 0U);

  ASSERT_TRUE(env().write_atomic(at("rec/x.body"), "old").ok());
  ASSERT_TRUE((*spill)->publish(at("rec/x.body")).ok());
  EXPECT_EQ(*env().read_file(at("rec/x.body")), "hello world");
  EXPECT_FALSE((*spill)->publish(at("rec/y.body")).ok());
  // Still readable through the object.
  EXPECT_EQ(*(*spill)->read_at(0, buffer, 5), 5U);
  EXPECT_THAT(names(at("rec")), UnorderedElementsAre("x.body"));
}

TEST_P(EnvTest, SpillPublishesIntoAFolderToBeMade) {
  auto spill = env().create_spill(at("rec"));
  ASSERT_TRUE(spill.ok());
  ASSERT_TRUE((*spill)->publish(at("rec/deep/er/x.body")).ok());
  EXPECT_EQ(*env().read_file(at("rec/deep/er/x.body")), "");
}

TEST_P(EnvTest, UnpublishedSpillLeavesNothing) {
  { ASSERT_TRUE((*env().create_spill(at("rec")))->append("gone").ok()); }
  EXPECT_THAT(names(at("rec")), IsEmpty());
}

TEST_P(EnvTest, ReadonlyOutlivesReplacementAndRefusesWrites) {
  ASSERT_TRUE(env().write_atomic(at("f"), "old").ok());
  auto file = env().open_readonly(at("f"));
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(env().write_atomic(at("f"), "new").ok());
  char buffer[4] = {};
  EXPECT_EQ(*(*file)->read_at(0, buffer, 3), 3U);
  EXPECT_STREQ(buffer, "old");
  EXPECT_EQ((*file)->append("x").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ((*file)->publish(at("g")).error().code, ErrorCode::kUnsupported);
}

TEST_P(EnvTest, RenameMovesAndReplaces) {
  ASSERT_TRUE(env().write_atomic(at("a"), "a").ok());
  ASSERT_TRUE(env().write_atomic(at("b"), "b").ok());
  ASSERT_TRUE(env().rename(at("a"), at("b")).ok());
  EXPECT_EQ(*env().read_file(at("b")), "a");
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("b"));
}

TEST_P(EnvTest, RemovesFilesEmptyFoldersAndTrees) {
  ASSERT_TRUE(env().write_atomic(at("t/u/v"), "x").ok());
  EXPECT_EQ(env().remove(at("t/u")).error().code, ErrorCode::kIo);
  ASSERT_TRUE(env().remove(at("t/u/v")).ok());
  ASSERT_TRUE(env().remove(at("t/u")).ok());
  ASSERT_TRUE(env().write_atomic(at("t/w/x"), "x").ok());
  ASSERT_TRUE(env().write_atomic(at("tt"), "not below t").ok());
  ASSERT_TRUE(env().remove_tree(at("t")).ok());
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("tt"));
}

TEST_P(EnvTest, ListsFilesAndFolders) {
  ASSERT_TRUE(env().write_atomic(at("l/file"), "").ok());
  ASSERT_TRUE(env().write_atomic(at("l/.hidden"), "").ok());
  ASSERT_TRUE(env().make_dirs(at("l/dir/deep")).ok());
  EXPECT_THAT(names(at("l")), UnorderedElementsAre("file", ".hidden", "dir/"));
}

TEST_P(EnvTest, StatTellsSizeTimeAndIdentity) {
  ASSERT_TRUE(env().write_atomic(at("f"), "12345").ok());
  auto before = env().stat(at("f"));
  ASSERT_TRUE(before.ok());
  EXPECT_EQ(before->size_bytes, 5U);
  EXPECT_FALSE(before->is_directory);
  EXPECT_TRUE(env().stat(temp_.path())->is_directory);
  ASSERT_TRUE(env().set_mtime_ns(at("f"), 1'700'000'000'123'456'789).ok());
  EXPECT_EQ(env().stat(at("f"))->mtime_ns, 1'700'000'000'123'456'789);
  EXPECT_EQ(env().stat(at("f"))->inode, before->inode);
}

TEST_P(EnvTest, LocksExcludeThreads) {
  std::atomic<int> inside{0};
  int entered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        auto lock = env().lock(at("made/lock"));
        ASSERT_TRUE(lock.ok());
        EXPECT_EQ(++inside, 1);
        ++entered;
        --inside;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(entered, 200);
}

TEST_P(EnvTest, ConcurrentWritersLeaveOneWholeFile) {
  std::vector<std::thread> threads;
  for (char c = 'a'; c < 'e'; ++c) {
    threads.emplace_back([&, c] {
      for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(env().write_atomic(at("f"), std::string(10000, c)).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  auto content = env().read_file(at("f"));
  ASSERT_TRUE(content.ok());
  EXPECT_EQ(*content, std::string(10000, content->front()));
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("f"));
}

TEST_P(EnvTest, ClocksDoNotRunBackwards) {
  const uint64_t wall = env().wall_time_us();
  const uint64_t monotonic = env().monotonic_time_us();
  EXPECT_GT(wall, 1'600'000'000'000'000U);
  EXPECT_GE(env().monotonic_time_us(), monotonic);
}

TEST(MemoryEnvTest, ClockIsSet) {
  MemoryEnv env;
  const uint64_t monotonic = env.monotonic_time_us();
  env.set_wall_time_us(5'000'000);
  env.advance_us(250);
  EXPECT_EQ(env.wall_time_us(), 5'000'250U);
  EXPECT_EQ(env.monotonic_time_us(), monotonic + 250);
  ASSERT_TRUE(env.write_atomic("f", "x").ok());
  EXPECT_EQ(env.stat("f")->mtime_ns, 5'000'250'000);
  EXPECT_THAT(env.files(), UnorderedElementsAre(::testing::Pair("f", "x")));
}

}  // namespace
}  // namespace recshim::testing
