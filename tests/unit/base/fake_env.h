// MemoryEnv: files, locks and clocks that exist only in memory, with a clock that tests
// set. FailingEnv: any Env whose calls fail on demand. For tests of every layer.
#pragma once

#include <climits>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "shim/base/env.h"

namespace recshim::testing {

// Behaves as PosixEnv does towards its callers; env_test.cpp runs the same tests on both.
// Paths are plain text: no symbolic links, "." or "..". Threads: any.
class MemoryEnv : public Env {
 public:
  MemoryEnv();

  Result<std::string> read_file(const std::string& path) override;
  Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path) override;
  Status write_atomic(const std::string& path, std::string_view content) override;
  Status append(const std::string& path, std::string_view content) override;
  Result<std::unique_ptr<SpillFile>> create_spill(const std::string& dir) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_tree(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned mode) override;
  Status set_mtime_ns(const std::string& path, int64_t mtime_ns) override;
  Result<std::vector<DirEntry>> list(const std::string& dir) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock_folder(const std::string& dir) override;
  uint64_t wall_time_us() override;
  uint64_t monotonic_time_us() override;

  // Clocks stand still until told otherwise. They start at 2026-01-01 and at 1 s.
  void set_wall_time_us(uint64_t us);
  void advance_us(uint64_t us);  // both clocks
  // Every file there is, by its path.
  std::map<std::string, std::string> files();

 private:
  struct File {
    std::string content;
    int64_t mtime_ns = 0;
    uint64_t inode = 0;
  };
  class Handle;
  class Lock;

  // These REQUIRE the mutex to be held.
  File* find(const std::string& path);
  Status add_dirs(const std::string& path);
  std::shared_ptr<File> new_file();
  Status put(const std::string& path, std::shared_ptr<File> file);

  std::mutex mutex_;
  std::condition_variable unlocked_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::set<std::string> dirs_;
  std::set<std::string> locked_;
  uint64_t next_inode_ = 1;
  uint64_t wall_us_;
  uint64_t monotonic_us_;
};

enum class EnvOp {
  kReadFile,
  kOpenReadonly,
  kWriteAtomic,
  kAppend,
  kCreateSpill,
  kRename,
  kRemove,
  kRemoveTree,
  kMakeDirs,
  kSetMtime,
  kList,
  kStat,
  kLock,
  kSpillAppend,
  kSpillRead,
  kSpillPublish
};

// Passes everything on to another Env, but for the calls it was told to fail.
// Threads: fail() and heal() not while others call.
class FailingEnv : public Env {
 public:
  explicit FailingEnv(Env& inner) : inner_(inner) {}

  // From the call after `successes` further ones on, op fails with error, `times` times at most,
  // until heal().
  void fail(EnvOp op, Error error = {ErrorCode::kIo, "no space left on device"}, int successes = 0,
            int times = INT_MAX);
  void heal() { failures_.clear(); }

  Result<std::string> read_file(const std::string& path) override;
  Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path) override;
  Status write_atomic(const std::string& path, std::string_view content) override;
  Status append(const std::string& path, std::string_view content) override;
  Result<std::unique_ptr<SpillFile>> create_spill(const std::string& dir) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status remove_tree(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned mode) override;
  Status set_mtime_ns(const std::string& path, int64_t mtime_ns) override;
  Result<std::vector<DirEntry>> list(const std::string& dir) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock_folder(const std::string& dir) override;
  uint64_t wall_time_us() override { return inner_.wall_time_us(); }
  uint64_t monotonic_time_us() override { return inner_.monotonic_time_us(); }

 private:
  class Handle;
  struct Failure {
    Error error;
    int successes_left = 0;
    int times_left = 0;
  };
  // The error op is to fail with now, or null.
  const Error* failure(EnvOp op);

  Env& inner_;
  std::map<EnvOp, Failure> failures_;
};

}  // namespace recshim::testing
