// Env: the one way the core reaches the operating system (files, locks, clocks).
// Posix in production, MemoryEnv and FailingEnv in tests. Owns no policy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"

namespace recshim {

struct FileInfo {
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
  bool is_directory = false;
};

struct DirEntry {
  std::string name;  // without its folder
  bool is_directory = false;
  uint64_t inode = 0;  // of a link its own; 0: not known
};

// An anonymous file that can be given a name later. Deleted with the object if it
// never got one. Threads: external synchronisation.
class SpillFile {
 public:
  virtual ~SpillFile() = default;
  virtual Status append(std::string_view bytes) = 0;
  // Reads up to out_capacity bytes at offset; returns how many (0 at the end).
  virtual Result<size_t> read_at(uint64_t offset, char* out, size_t out_capacity) const = 0;
  // Gives the file its name, replacing what is there, in one step as seen from outside.
  // path must be on the file system that create_spill was asked for.
  virtual Status publish(const std::string& path) = 0;
};

// An advisory lock on a file, released with the object.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

// Threads: every method may be called from any thread.
class Env {
 public:
  virtual ~Env() = default;

  // kNotFound when there is no such file.
  virtual Result<std::string> read_file(const std::string& path) = 0;
  // Opens for sequential and random reading; kNotFound as above. The returned
  // object reads only; its append and publish fail.
  virtual Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path) = 0;
  // Writes a temporary name beside path and renames it over path; makes missing
  // parent folders. Readers see the old content or the new, never part of it.
  virtual Status write_atomic(const std::string& path, std::string_view content) = 0;
  // Appends with one write(2) on O_APPEND; creates the file.
  virtual Status append(const std::string& path, std::string_view content) = 0;
  // Anonymous file on dir's file system (dir is created); see SpillFile.
  virtual Result<std::unique_ptr<SpillFile>> create_spill(const std::string& dir) = 0;
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;  // kNotFound when missing
  virtual Status remove_tree(const std::string& path) = 0;
  virtual Status make_dirs(const std::string& path, unsigned mode = 0777) = 0;
  virtual Status set_mtime_ns(const std::string& path, int64_t mtime_ns) = 0;
  virtual Result<std::vector<DirEntry>> list(const std::string& dir) = 0;  // unordered
  virtual Result<FileInfo> stat(const std::string& path) = 0;
  // Blocks until the exclusive flock(2) on path (created) is held.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  // Likewise on a folder (made where missing), for what is done in there. kUnsupported where its
  // file system has no locks.
  virtual Result<std::unique_ptr<FileLock>> lock_folder(const std::string& dir) = 0;

  virtual uint64_t wall_time_us() = 0;       // since 1970-01-01 UTC
  virtual uint64_t monotonic_time_us() = 0;  // for durations
};

// The process's file system and clocks. Lives for ever. Paths mean what they meant at the first
// call: after a chroot(2) or pivot_root(2) every one of them is kIo.
Env& posix_env();

}  // namespace recshim
