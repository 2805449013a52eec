// The content index: which recordings under a folder answer which request, whatever they
// are called. Built when a name was not found, kept in cache_dir between processes, and
// believed only for files whose size, time and inode are still the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "shim/base/env.h"
#include "shim/store/summary.h"

namespace recshim::store {

struct IndexEntry {
  std::string file;  // below the folder, "a/b/recordings/x.json"
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;  // 0: changed so recently that it must be looked at again
  uint64_t inode = 0;
  bool recording = false;  // false: no HTTP recording; kept so that it isn't read again
  Summary summary;
};

// Immutable once made; shared between threads.
class Index {
 public:
  struct Progress {
    size_t files = 0;       // looked at
    size_t files_read = 0;  // of them, new or changed
    uint64_t bytes_read = 0;
  };
  struct Options {
    std::string dir;        // absolute
    std::string cache_dir;  // absolute; empty: nothing is kept
    match::MatchOptions match;
    std::function<void(const Progress&)> progress = {};  // called after each file; may be empty
  };

  // A view of the folder as it is now. before: the last one of this process, or null (the
  // cache is read then). A search that is given up (base/interruption.h), or that finds more than a
  // folder of recordings can hold, ends there and says so in whole(). every_file: look at each
  // file's stat; otherwise a file is taken to be as it was where its folder's own time has not
  // moved, or lists it with the same inode.
  static std::shared_ptr<const Index> refresh(Env& env, const Options& options,
                                              const std::shared_ptr<const Index>& before,
                                              bool every_file);

  // Recordings whose content is that of the request, in the order of their names.
  [[nodiscard]] std::vector<const IndexEntry*> find(const std::string& content) const;
  // At most limit recordings with this method and path: those of this content first, whatever their
  // test, then those that have most in common with what is asked.
  [[nodiscard]] std::vector<const IndexEntry*> nearest(const std::string& method,
                                                       const std::string& path,
                                                       const std::optional<std::string>& content,
                                                       const match::Sketch& sketch,
                                                       size_t limit) const;
  [[nodiscard]] size_t size() const { return entries_.size(); }
  // The first error of a file or folder that is there and could not be looked at.
  [[nodiscard]] Status whole() const { return problem_ ? Status(*problem_) : Status(); }
  // What was not looked at for what it is, "a/b.json: no regular file"; at most kPassedOver.
  static constexpr size_t kPassedOver = 100;
  [[nodiscard]] const std::vector<std::string>& passed_over() const { return passed_over_; }

 private:
  friend class IndexBuilder;
  struct File {
    std::string name;
    uint64_t inode = 0;
  };
  struct Folder {
    int64_t mtime_ns = 0;  // 0: not to be believed
    size_t entries = 0;    // of any kind
    std::vector<File> files;
    std::vector<std::string> folders;
  };
  // Shared with the indexes before and after this one; the keys are theirs.
  using Entries = std::map<std::string_view, std::shared_ptr<const IndexEntry>>;

  void add(std::shared_ptr<const IndexEntry> entry) {
    if (entry->mtime_ns == 0) ++unsettled_;
    entries_.emplace(entry->file, std::move(entry));
  }
  // Whether no folder has changed, and no file may have without its folder's showing it.
  [[nodiscard]] bool is_current(Env& env, const std::string& dir) const;

  Entries entries_;
  std::map<std::string, Folder> folders_;
  std::unordered_multimap<std::string_view, const IndexEntry*> by_content_;
  // By method and path, in the order of their names.
  std::unordered_map<std::string, std::vector<const IndexEntry*>> by_endpoint_;
  size_t not_kept_ = 0;   // entries that the cache has otherwise
  size_t unsettled_ = 0;  // entries that must be looked at again
  std::optional<Error> problem_;
  std::vector<std::string> passed_over_;
};

}  // namespace recshim::store
