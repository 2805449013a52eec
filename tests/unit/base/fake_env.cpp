// The fakes; see the header.
#include "tests/unit/base/fake_env.h"

#include <algorithm>
#include <utility>

namespace recshim::testing {
namespace {

constexpr uint64_t kStartWallUs = 1'767'225'600'000'000;  // 2026-01-01T00:00:00Z
constexpr uint64_t kStartMonotonicUs = 1'000'000;

Error not_found(const std::string& path) {
  return {ErrorCode::kNotFound, path + ": no such file or directory"};
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

bool is_under(const std::string& path, const std::string& dir) {
  return path.size() > dir.size() && path.starts_with(dir) &&
         (dir == "/" || path[dir.size()] == '/');
}

}  // namespace

// Keeps its file alive, as an open descriptor does.
class MemoryEnv::Handle : public SpillFile {
 public:
  Handle(MemoryEnv& env, std::shared_ptr<File> file, bool writable)
      : env_(env), file_(std::move(file)), writable_(writable) {}

  Status append(std::string_view bytes) override {
    if (!writable_) return Error{ErrorCode::kUnsupported, "open for reading only"};
    const std::lock_guard guard(env_.mutex_);
    file_->content.append(bytes);
    return {};
  }
  Result<size_t> read_at(uint64_t offset, char* out, size_t out_capacity) const override {
    const std::lock_guard guard(env_.mutex_);
    if (offset >= file_->content.size()) return size_t{0};
    return file_->content.copy(out, out_capacity, static_cast<size_t>(offset));
  }
  Status publish(const std::string& path) override {
    if (!writable_) return Error{ErrorCode::kUnsupported, "open for reading only"};
    if (std::exchange(published_, true)) {
      return Error{ErrorCode::kInvalid, path + ": this file has a name already"};
    }
    const std::lock_guard guard(env_.mutex_);
    return env_.put(path, file_);
  }

 private:
  MemoryEnv& env_;
  std::shared_ptr<File> file_;
  bool writable_;
  bool published_ = false;
};

class MemoryEnv::Lock : public FileLock {
 public:
  Lock(MemoryEnv& env, std::string path) : env_(env), path_(std::move(path)) {}
  ~Lock() override {
    const std::lock_guard guard(env_.mutex_);
    env_.locked_.erase(path_);
    env_.unlocked_.notify_all();
  }

 private:
  MemoryEnv& env_;
  std::string path_;
};

MemoryEnv::MemoryEnv()
    : dirs_{".", "/"}, wall_us_(kStartWallUs), monotonic_us_(kStartMonotonicUs) {}

MemoryEnv::File* MemoryEnv::find(const std::string& path) {
  const auto found = files_.find(path);
  return found == files_.end() ? nullptr : found->second.get();
}

Status MemoryEnv::add_dirs(const std::string& path) {
  for (std::string dir = without_slash(path); !dirs_.contains(dir); dir = parent_of(dir)) {
    if (find(dir) != nullptr) return Error{ErrorCode::kIo, dir + ": a file of that name exists"};
    dirs_.insert(dir);
  }
  return {};
}

std::shared_ptr<MemoryEnv::File> MemoryEnv::new_file() {
  auto file = std::make_shared<File>();
  file->mtime_ns = static_cast<int64_t>(wall_us_) * 1000;
  file->inode = next_inode_++;
  return file;
}

Status MemoryEnv::put(const std::string& path, std::shared_ptr<File> file) {
  if (dirs_.contains(path)) return Error{ErrorCode::kIo, path + ": is a directory"};
  if (Status status = add_dirs(parent_of(path)); !status.ok()) return status;
  files_[path] = std::move(file);
  return {};
}

Result<std::string> MemoryEnv::read_file(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (dirs_.contains(path)) return Error{ErrorCode::kIo, path + ": is a directory"};
  const File* file = find(path);
  if (file == nullptr) return not_found(path);
  return file->content;
}

Result<std::unique_ptr<SpillFile>> MemoryEnv::open_readonly(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (find(path) == nullptr) return not_found(path);
  return std::unique_ptr<SpillFile>(std::make_unique<Handle>(*this, files_[path], false));
}

Status MemoryEnv::write_atomic(const std::string& path, std::string_view content) {
  const std::lock_guard guard(mutex_);
  auto file = new_file();
  file->content = content;
  return put(path, std::move(file));
}

Status MemoryEnv::append(const std::string& path, std::string_view content) {
  const std::lock_guard guard(mutex_);
  if (dirs_.contains(path)) return Error{ErrorCode::kIo, path + ": is a directory"};
  if (!dirs_.contains(parent_of(path))) return not_found(path);
  auto& file = files_[path];
  if (file == nullptr) file = new_file();
  file->content.append(content);
  file->mtime_ns = static_cast<int64_t>(wall_us_) * 1000;
  return {};
}

Result<std::unique_ptr<SpillFile>> MemoryEnv::create_spill(const std::string& dir) {
  const std::lock_guard guard(mutex_);
  if (Status status = add_dirs(dir); !status.ok()) return status.error();
  return std::unique_ptr<SpillFile>(std::make_unique<Handle>(*this, new_file(), true));
}

Status MemoryEnv::rename(const std::string& from, const std::string& to) {
  const std::lock_guard guard(mutex_);
  const auto found = files_.find(from);
  if (found == files_.end() || !dirs_.contains(parent_of(to))) return not_found(from);
  std::shared_ptr<File> file = std::move(found->second);
  files_.erase(found);
  return put(to, std::move(file));
}

Status MemoryEnv::remove(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (files_.erase(path) > 0) return {};
  if (!dirs_.contains(path)) return not_found(path);
  const auto in_it = [&](const auto& other) { return is_under(other, path); };
  if (std::any_of(dirs_.begin(), dirs_.end(), in_it) ||
      std::any_of(files_.begin(), files_.end(), [&](const auto& f) { return in_it(f.first); })) {
    return Error{ErrorCode::kIo, path + ": directory not empty"};
  }
  dirs_.erase(path);
  return {};
}

Status MemoryEnv::remove_tree(const std::string& path) {
  const std::lock_guard guard(mutex_);
  const auto in_it = [&](const std::string& p) { return p == path || is_under(p, path); };
  const size_t removed = std::erase_if(files_, [&](const auto& f) { return in_it(f.first); }) +
                         std::erase_if(dirs_, in_it);
  if (removed == 0) return not_found(path);
  return {};
}

Status MemoryEnv::make_dirs(const std::string& path, unsigned) {
  const std::lock_guard guard(mutex_);
  return add_dirs(path);
}

Status MemoryEnv::set_mtime_ns(const std::string& path, int64_t mtime_ns) {
  const std::lock_guard guard(mutex_);
  File* file = find(path);
  if (file == nullptr) return not_found(path);
  file->mtime_ns = mtime_ns;
  return {};
}

Result<std::vector<DirEntry>> MemoryEnv::list(const std::string& dir) {
  const std::lock_guard guard(mutex_);
  const std::string folder = without_slash(dir);
  if (!dirs_.contains(folder)) return not_found(dir);
  std::vector<DirEntry> entries;
  const auto add = [&](const std::string& path, bool is_directory) {
    if (path != folder && parent_of(path) == folder) {
      entries.push_back({path.substr(path.rfind('/') + 1), is_directory});
    }
  };
  for (const auto& [path, file] : files_) add(path, false);
  for (const std::string& path : dirs_) add(path, true);
  return entries;
}

Result<FileInfo> MemoryEnv::stat(const std::string& path) {
  const std::lock_guard guard(mutex_);
  if (dirs_.contains(without_slash(path))) {
    FileInfo info;
    info.is_directory = true;
    return info;
  }
  const File* file = find(path);
  if (file == nullptr) return not_found(path);
  return FileInfo{file->content.size(), file->mtime_ns, file->inode, false};
}

Result<std::unique_ptr<FileLock>> MemoryEnv::lock(const std::string& path) {
  std::unique_lock guard(mutex_);
  if (find(path) == nullptr) {
    if (Status status = put(path, new_file()); !status.ok()) return status.error();
  }
  unlocked_.wait(guard, [&] { return locked_.insert(path).second; });
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, path));
}

Result<std::unique_ptr<FileLock>> MemoryEnv::lock_folder(const std::string& dir) {
  std::unique_lock guard(mutex_);
  if (Status status = add_dirs(dir); !status.ok()) return status.error();
  unlocked_.wait(guard, [&] { return locked_.insert(dir).second; });
  return std::unique_ptr<FileLock>(std::make_unique<Lock>(*this, dir));
}

uint64_t MemoryEnv::wall_time_us() {
  const std::lock_guard guard(mutex_);
  return wall_us_;
}

uint64_t MemoryEnv::monotonic_time_us() {
  const std::lock_guard guard(mutex_);
  return monotonic_us_;
}

void MemoryEnv::set_wall_time_us(uint64_t us) {
  const std::lock_guard guard(mutex_);
  wall_us_ = us;
}

void MemoryEnv::advance_us(uint64_t us) {
  const std::lock_guard guard(mutex_);
  wall_us_ += us;
  monotonic_us_ += us;
}

std::map<std::string, std::string> MemoryEnv::files() {
  const std::lock_guard guard(mutex_);
  std::map<std::string, std::string> contents;
  for (const auto& [path, file] : files_) contents[path] = file->content;
  return contents;
}

// --- FailingEnv ---------------------------------------------------------------------

class FailingEnv::Handle : public SpillFile {
 public:
  Handle(FailingEnv& env, std::unique_ptr<SpillFile> inner) : env_(env), inner_(std::move(inner)) {}
  Status append(std::string_view bytes) override {
    if (const Error* error = env_.failure(EnvOp::kSpillAppend)) return *error;
    return inner_->append(bytes);
  }
  Result<size_t> read_at(uint64_t offset, char* out, size_t out_capacity) const override {
    if (const Error* error = env_.failure(EnvOp::kSpillRead)) return *error;
    return inner_->read_at(offset, out, out_capacity);
  }
  Status publish(const std::string& path) override {
    if (const Error* error = env_.failure(EnvOp::kSpillPublish)) return *error;
    return inner_->publish(path);
  }

 private:
  FailingEnv& env_;
  std::unique_ptr<SpillFile> inner_;
};

void FailingEnv::fail(EnvOp op, Error error, int successes, int times) {
  failures_[op] = {std::move(error), successes, times};
}

const Error* FailingEnv::failure(EnvOp op) {
  const auto found = failures_.find(op);
  if (found == failures_.end()) return nullptr;
  if (found->second.successes_left-- > 0) return nullptr;
  found->second.successes_left = 0;
  if (found->second.times_left <= 0) return nullptr;
  --found->second.times_left;
  return &found->second.error;
}

Result<std::string> FailingEnv::read_file(const std::string& path) {
  if (const Error* error = failure(EnvOp::kReadFile)) return *error;
  return inner_.read_file(path);
}
Result<std::unique_ptr<SpillFile>> FailingEnv::open_readonly(const std::string& path) {
  if (const Error* error = failure(EnvOp::kOpenReadonly)) return *error;
  auto file = inner_.open_readonly(path);
  if (!file.ok()) return file;
  return std::unique_ptr<SpillFile>(std::make_unique<Handle>(*this, std::move(file).value()));
}
Status FailingEnv::write_atomic(const std::string& path, std::string_view content) {
  if (const Error* error = failure(EnvOp::kWriteAtomic)) return *error;
  return inner_.write_atomic(path, content);
}
Status FailingEnv::append(const std::string& path, std::string_view content) {
  if (const Error* error = failure(EnvOp::kAppend)) return *error;
  return inner_.append(path, content);
}
Result<std::unique_ptr<SpillFile>> FailingEnv::create_spill(const std::string& dir) {
  if (const Error* error = failure(EnvOp::kCreateSpill)) return *error;
  auto file = inner_.create_spill(dir);
  if (!file.ok()) return file;
  return std::unique_ptr<SpillFile>(std::make_unique<Handle>(*this, std::move(file).value()));
}
Status FailingEnv::rename(const std::string& from, const std::string& to) {
  if (const Error* error = failure(EnvOp::kRename)) return *error;
  return inner_.rename(from, to);
}
Status FailingEnv::remove(const std::string& path) {
  if (const Error* error = failure(EnvOp::kRemove)) return *error;
  return inner_.remove(path);
}
Status FailingEnv::remove_tree(const std::string& path) {
  if (const Error* error = failure(EnvOp::kRemoveTree)) return *error;
  return inner_.remove_tree(path);
}
Status FailingEnv::make_dirs(const std::string& path, unsigned mode) {
  if (const Error* error = failure(EnvOp::kMakeDirs)) return *error;
  return inner_.make_dirs(path, mode);
}
Status FailingEnv::set_mtime_ns(const std::string& path, int64_t mtime_ns) {
  if (const Error* error = failure(EnvOp::kSetMtime)) return *error;
  return inner_.set_mtime_ns(path, mtime_ns);
}
Result<std::vector<DirEntry>> FailingEnv::list(const std::string& dir) {
  if (const Error* error = failure(EnvOp::kList)) return *error;
  return inner_.list(dir);
}
Result<FileInfo> FailingEnv::stat(const std::string& path) {
  if (const Error* error = failure(EnvOp::kStat)) return *error;
  return inner_.stat(path);
}
Result<std::unique_ptr<FileLock>> FailingEnv::lock(const std::string& path) {
  if (const Error* error = failure(EnvOp::kLock)) return *error;
  return inner_.lock(path);
}

Result<std::unique_ptr<FileLock>> FailingEnv::lock_folder(const std::string& dir) {
  if (const Error* error = failure(EnvOp::kLock)) return *error;
  return inner_.lock_folder(dir);
}

}  // namespace recshim::testing
