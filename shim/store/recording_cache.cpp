// See recording_cache.h.
#include "shim/store/recording_cache.h"

#include <algorithm>
#include <mutex>

#include "shim/base/regular_file.h"

namespace recshim::store {
namespace {

// Parsed, a recording takes several times its file's bytes, in another program's memory.
constexpr uint64_t kMaxKeptBytes = uint64_t{4} << 20;
constexpr uint64_t kMaxKeptFileBytes = kMaxKeptBytes / 8;
constexpr size_t kMaxAbsent = 20'000;  // names a folder
// A folder's own size grows with its files: of ext4's this is one of about ten thousand.
constexpr uint64_t kMaxListedBytes = uint64_t{1} << 20;

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kSettledNs = 2 * kSecondNs;
constexpr int64_t kFineSettledNs = kSecondNs / 10;

std::string folder_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

bool same_file(const FileInfo& a, const FileInfo& b) {
  return a.size_bytes == b.size_bytes && a.mtime_ns == b.mtime_ns && a.inode == b.inode;
}

}  // namespace

int64_t settled(Env& env, int64_t mtime_ns) {
  const auto now_ns = static_cast<int64_t>(env.wall_time_us()) * 1000;
  // File systems that know no more than seconds have nothing behind them.
  const int64_t wait_ns = mtime_ns % kSecondNs == 0 ? kSettledNs : kFineSettledNs;
  return mtime_ns + wait_ns < now_ns ? mtime_ns : 0;
}

const FileInfo& RecordingCache::folder_now(const std::string& name, FolderTimes& times) {
  const auto [at, is_new] = times.try_emplace(name);
  if (is_new) {
    const auto folder = env_.stat(name);
    if (folder.ok()) at->second = *folder;
    at->second.mtime_ns = settled(env_, at->second.mtime_ns);
  }
  return at->second;
}

// What is known of a folder that last changed then.
RecordingCache::Folder& RecordingCache::folder_at(const std::string& name, int64_t mtime_ns) {
  Folder& folder = folders_[name];
  if (folder.mtime_ns != mtime_ns) folder = {mtime_ns, {}, {}};
  return folder;
}

bool RecordingCache::may_have(const std::string& folder, std::string_view part,
                              FolderTimes& times) {
  const FileInfo& now = folder_now(folder, times);
  if (now.mtime_ns == 0 || now.size_bytes > kMaxListedBytes) return true;
  {
    const std::lock_guard guard(mutex_);
    if (const auto known = folder_at(folder, now.mtime_ns).has_part) return *known;
  }
  const auto entries = env_.list(folder);
  if (!entries.ok()) return true;
  const bool has = std::any_of(entries->begin(), entries->end(), [&](const DirEntry& entry) {
    return entry.name.find(part) != std::string::npos;
  });
  const std::lock_guard guard(mutex_);
  folder_at(folder, now.mtime_ns).has_part = has;
  return has;
}

bool RecordingCache::known_absent(const std::string& path, int64_t folder_mtime_ns) {
  const std::lock_guard guard(mutex_);
  const auto folder = folders_.find(folder_of(path));
  return folder != folders_.end() && folder->second.mtime_ns == folder_mtime_ns &&
         folder->second.absent.contains(path);
}

void RecordingCache::note_absent(const std::string& path, int64_t folder_mtime_ns) {
  const std::lock_guard guard(mutex_);
  Folder& folder = folder_at(folder_of(path), folder_mtime_ns);
  if (folder.absent.size() >= kMaxAbsent) folder.absent.clear();
  folder.absent.insert(path);
}

Result<std::shared_ptr<const Recording>> RecordingCache::read(const std::string& path,
                                                              FolderTimes& times) {
  std::shared_ptr<const Recording> out;
  // Asked first: a file that appears after it changes it.
  const int64_t folder_mtime_ns = folder_now(folder_of(path), times).mtime_ns;
  if (folder_mtime_ns != 0 && known_absent(path, folder_mtime_ns)) return out;
  const auto file = env_.stat(path);
  if (!file.ok()) {
    if (file.error().code != ErrorCode::kNotFound) return file.error();
    if (folder_mtime_ns != 0) note_absent(path, folder_mtime_ns);
    return out;
  }
  {
    const std::lock_guard guard(mutex_);
    const auto kept = kept_.find(path);
    if (kept != kept_.end() && same_file(kept->second.file, *file)) return kept->second.recording;
  }
  auto text = read_below(env_, dir_, path, kMaxRecordingBytes);
  if (!text.ok()) {
    if (text.error().code == ErrorCode::kNotFound) return out;
    return text.error();
  }
  auto recording = Recording::parse(*text);
  if (!recording.ok()) {
    return Error{recording.error().code, path + ": " + recording.error().message};
  }
  out = std::make_shared<const Recording>(std::move(*recording));
  if (file->size_bytes <= kMaxKeptFileBytes && settled(env_, file->mtime_ns) != 0) {
    const std::lock_guard guard(mutex_);
    if (kept_bytes_ + file->size_bytes > kMaxKeptBytes) {
      kept_.clear();
      kept_bytes_ = 0;
    }
    Kept& kept = kept_[path];
    kept_bytes_ += file->size_bytes - kept.file.size_bytes;
    kept = {*file, out};
  }
  return out;
}

}  // namespace recshim::store
