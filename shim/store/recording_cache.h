// Recordings that this process has read, kept parsed while their files stay the same, and the names
// that a folder did not have. A warm lookup asks the file system for times alone.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "shim/base/env.h"
#include "shim/base/fork_mutex.h"
#include "shim/base/result.h"
#include "shim/store/recording.h"

namespace recshim::store {

// A recording is text of this size at most.
inline constexpr uint64_t kMaxRecordingBytes = uint64_t{1} << 30;

// File times tick coarsely: what changed this recently may change again unseen. 0: too recently to
// be remembered, else mtime_ns.
int64_t settled(Env& env, int64_t mtime_ns);

// Threads: any. The mutex is held for memory only, never over a file operation.
class RecordingCache {
 public:
  // What one lookup has asked of the file system so far, so that it asks once.
  using FolderTimes = std::map<std::string, FileInfo>;  // mtime_ns as settled() has it

  // env: borrowed. dir: the folder of recordings, out of which no link leads.
  RecordingCache(Env& env, std::string dir) : env_(env), dir_(std::move(dir)) {}

  // The recording at path as it is now; null when there is no such file, an Error naming it when it
  // can't be read.
  Result<std::shared_ptr<const Recording>> read(const std::string& path, FolderTimes& times);

  // False when no name in folder has part in it; true also where that is not worth a look, in a
  // folder of many files or one that has just changed. part: the same at every call.
  bool may_have(const std::string& folder, std::string_view part, FolderTimes& times);

 private:
  struct Kept {
    FileInfo file;
    std::shared_ptr<const Recording> recording;
  };
  struct Folder {
    int64_t mtime_ns = 0;
    std::unordered_set<std::string> absent;  // whole paths
    std::optional<bool> has_part;
  };

  bool known_absent(const std::string& path, int64_t folder_mtime_ns);
  void note_absent(const std::string& path, int64_t folder_mtime_ns);
  Folder& folder_at(const std::string& name, int64_t mtime_ns);  // REQUIRES: the mutex is held
  const FileInfo& folder_now(const std::string& name, FolderTimes& times);

  Env& env_;
  const std::string dir_;
  ForkMutex mutex_{LockRank::kStore};
  std::map<std::string, Kept> kept_;
  uint64_t kept_bytes_ = 0;  // of their files
  std::map<std::string, Folder> folders_;
};

}  // namespace recshim::store
