// RecordingCache on real files: what may be believed, and what must be read again.
#include "shim/store/recording_cache.h"

#include <gtest/gtest.h>

#include "tests/unit/base/fake_env.h"
#include "tests/unit/base/temp_dir.h"

namespace recshim::store {
namespace {

using testing::EnvOp;

constexpr int64_t kLongAgoNs = 1'600'000'000'123'456'789;

class RecordingCacheTest : public ::testing::Test {
 protected:
  void write(char model, int64_t mtime_ns) {
    ASSERT_TRUE(posix_env().write_atomic(
        path_, R"({"request":{"method":"GET","url":"http://h/","endpoint":"/","model":")" +
                   std::string(1, model) + R"("},"response":{"body":"x","is_streaming":false}})"));
    if (mtime_ns == 0) return;
    ASSERT_TRUE(posix_env().set_mtime_ns(path_, mtime_ns));
  }
  std::shared_ptr<const Recording> read() {
    RecordingCache::FolderTimes times;
    auto recording = cache_.read(path_, times);
    EXPECT_TRUE(recording.ok()) << (recording.ok() ? "" : recording.error().message);
    return recording.ok() ? *recording : nullptr;
  }
  static std::string model(const std::shared_ptr<const Recording>& recording) {
    return recording == nullptr ? "" : recording->json["request"]["model"].get<std::string>();
  }

  testing::TempDir folder_;
  const std::string path_ = folder_.path() + "/a.json";
  testing::FailingEnv env_{posix_env()};
  RecordingCache cache_{env_, folder_.path()};
};

TEST_F(RecordingCacheTest, IsReadOnceWhileTheFileIsTheSame) {
  write('a', kLongAgoNs);
  const auto first = read();
  EXPECT_EQ(model(first), "a");
  env_.fail(EnvOp::kReadFile);
  EXPECT_EQ(read(), first);
}

TEST_F(RecordingCacheTest, IsReadAgainOnceTheFileHasChanged) {
  write('a', kLongAgoNs);
  EXPECT_EQ(model(read()), "a");
  write('b', kLongAgoNs + 1);
  EXPECT_EQ(model(read()), "b");
  ASSERT_TRUE(posix_env().remove(path_));
  EXPECT_EQ(read(), nullptr);
}

// In the same tick a file may change again, and its time and size be the same.
TEST_F(RecordingCacheTest, WhatHasJustChangedIsReadEachTime) {
  write('a', 0);
  EXPECT_NE(read(), read());
}

TEST_F(RecordingCacheTest, AnAbsentNameIsLookedForOnceWhileTheFolderIsTheSame) {
  ASSERT_TRUE(posix_env().set_mtime_ns(folder_.path(), kLongAgoNs));
  EXPECT_EQ(read(), nullptr);
  env_.fail(EnvOp::kStat, {ErrorCode::kIo, "one look, at the folder"}, 1);
  EXPECT_EQ(read(), nullptr);
  env_.heal();
  write('a', 0);
  EXPECT_EQ(model(read()), "a");
}

TEST_F(RecordingCacheTest, AFolderIsListedOnceWhileItIsTheSame) {
  const auto may_have = [&](const char* part) {
    RecordingCache::FolderTimes times;
    return cache_.may_have(folder_.path(), part, times);
  };
  EXPECT_TRUE(may_have(".json")) << "it has just changed";
  ASSERT_TRUE(posix_env().set_mtime_ns(folder_.path(), kLongAgoNs));
  EXPECT_FALSE(may_have(".json"));
  env_.fail(EnvOp::kList);
  EXPECT_FALSE(may_have(".json"));
  env_.heal();
  write('a', 0);
  ASSERT_TRUE(posix_env().set_mtime_ns(folder_.path(), kLongAgoNs + 1));
  EXPECT_TRUE(may_have(".json"));
}

TEST_F(RecordingCacheTest, AFailedReadIsNoAbsence) {
  write('a', kLongAgoNs);
  env_.fail(EnvOp::kReadFile, {ErrorCode::kIo, "input/output error"});
  RecordingCache::FolderTimes times;
  EXPECT_FALSE(cache_.read(path_, times).ok());
  env_.heal();
  EXPECT_EQ(model(read()), "a");
}

}  // namespace
}  // namespace recshim::store
