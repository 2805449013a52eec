// What the processes of a session share about its series: how far replay has come, what
// has been written, and the files that a new recording displaced. Owns the files in
// session_dir; knows no recordings.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/fork_mutex.h"
#include "shim/base/result.h"

namespace recshim::store {

// Threads: any. Without a folder (none given, or it can't be made) the counters live in
// this process alone.
class Session {
 public:
  Session(Env& env, std::string dir);

  // Held while a key's series is looked at and stepped, in all processes. name: file name.
  std::unique_ptr<FileLock> lock(const std::string& name);
  // Empty when nothing was noted yet. REQUIRES: the lock is held.
  std::string read(const std::string& name);
  Status write(const std::string& name, const std::string& content);
  Status append(const std::string& name, const std::string& line);

  // Takes a file out of the recordings, keeping content and time of change. Whatever
  // fails, the content is in one of the two places.
  Status stash(const std::string& path);
  [[nodiscard]] std::string stash_path(const std::string& path) const;
  // Puts it back as it was.
  Status restore(const std::string& path);

 private:
  bool usable();
  [[nodiscard]] std::string file(const std::string& name) const;
  Status move(const std::string& from, const std::string& to);

  Env& env_;
  const std::string dir_;
  ForkMutex mutex_{LockRank::kSeries};
  int state_ = 0;  // 0 not tried, 1 usable, -1 not
  std::map<std::string, std::string> memory_;
};

}  // namespace recshim::store
