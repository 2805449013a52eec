// Spill files and temporary names on a POSIX file system.
#include "shim/base/posix_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "shim/base/lasting.h"
#include "shim/base/sys.h"

namespace recshim::posix {
namespace {

constexpr int kTemporaryNameAttempts = 100;

Status write_all_at(int fd, std::string_view bytes, uint64_t offset, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = sys::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0) return io_error("write", path, static_cast<int>(-n));
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return {};
}

Result<size_t> read_some_at(int fd, uint64_t offset, char* out, size_t out_capacity,
                            const std::string& path) {
  const ssize_t n = sys::pread(fd, out, out_capacity, static_cast<off_t>(offset));
  if (n < 0) return io_error("read", path, static_cast<int>(-n));
  return static_cast<size_t>(n);
}

class ReadonlyFile final : public SpillFile {
 public:
  ReadonlyFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~ReadonlyFile() override { sys::close(fd_); }
  Status append(std::string_view) override {
    return Error{ErrorCode::kUnsupported, path_ + " is open for reading only"};
  }
  Result<size_t> read_at(uint64_t offset, char* out, size_t out_capacity) const override {
    return read_some_at(fd_, offset, out, out_capacity, path_);
  }
  Status publish(const std::string&) override {
    return Error{ErrorCode::kUnsupported, path_ + " is open for reading only"};
  }

 private:
  int fd_;
  std::string path_;
};

class PosixSpill final : public SpillFile {
 public:
  // name: the hidden file's path, or empty for a file without a name.
  PosixSpill(Env& env, int fd, std::string dir, std::string name)
      : env_(env), fd_(fd), dir_(std::move(dir)), name_(std::move(name)), owner_(sys::getpid()) {}
  ~PosixSpill() override {
    sys::close(fd_);
    // A forked child has a copy of this object, but the file is its parent's.
    if (!name_.empty() && owner_ == sys::getpid()) ::unlink(name_.c_str());
  }

  Status append(std::string_view bytes) override {
    Status status = write_all_at(fd_, bytes, size_bytes_, dir_);
    if (status.ok()) size_bytes_ += bytes.size();
    return status;
  }
  Result<size_t> read_at(uint64_t offset, char* out, size_t out_capacity) const override {
    return read_some_at(fd_, offset, out, out_capacity, dir_);
  }

  Status publish(const std::string& path) override {
    if (Status root = same_root(path); !root) return root;
    if (published_) return Error{ErrorCode::kInvalid, path + ": this file has a name already"};
    if (Status status = env_.make_dirs(parent_of(path)); !status.ok()) return status;
    if (name_.empty()) {
      if (Status status = name_unnamed(path); !status.ok()) return status;
    }
    if (::rename(name_.c_str(), path.c_str()) != 0) return io_error("rename to", path, errno);
    name_.clear();
    published_ = true;
    return {};
  }

 private:
  // Links the file to a temporary name beside path: link(2) cannot replace, rename can.
  Status name_unnamed(const std::string& path) {
    const std::string self = "/proc/self/fd/" + std::to_string(fd_);
    const std::string stem = path.substr(path.rfind('/') + 1);
    for (int attempt = 0;; ++attempt) {
      const std::string name = temporary_path(parent_of(path), stem);
      if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
        name_ = name;
        return {};
      }
      if (errno == EEXIST && attempt < kTemporaryNameAttempts) continue;
      // Without /proc an unnamed file can't be linked by an ordinary user.
      if (errno == ENOENT) return copy_to_named(path, stem);
      return io_error("name", path, errno);
    }
  }

  Status copy_to_named(const std::string& path, std::string_view stem) {
    std::string name;
    const auto created = create_temporary(env_, parent_of(path), stem, &name);
    if (!created) return created.error();
    const int fd = *created;
    Status status;
    std::string block(size_t{256} << 10, '\0');
    for (uint64_t offset = 0; status.ok();) {
      auto got = read_at(offset, block.data(), block.size());
      if (!got.ok()) {
        status = got.error();
        break;
      }
      if (*got == 0) break;
      status = write_all_at(fd, std::string_view(block).substr(0, *got), offset, path);
      offset += *got;
    }
    if (!status.ok()) {
      ::unlink(name.c_str());
      sys::close(fd);
      return status;
    }
    sys::close(fd_);
    fd_ = sys::move_high(fd);
    name_ = name;
    return status;
  }

  Env& env_;
  int fd_;
  std::string dir_;
  std::string name_;
  pid_t owner_;
  uint64_t size_bytes_ = 0;
  bool published_ = false;
};

}  // namespace

Error io_error(std::string_view what, const std::string& path, int error_number) {
  const bool missing = error_number == ENOENT || error_number == ENOTDIR;
  return Error{missing ? ErrorCode::kNotFound : ErrorCode::kIo,
               std::string(what) + " " + path + ": " + sys::error_text(error_number)};
}

namespace {

struct Root {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const Root&) const = default;
};

Root root_now() {
  struct stat info {};
  const long status = sys::call(SYS_newfstatat, AT_FDCWD, sys::arg("/"), sys::arg(&info), 0);
  return status == 0 ? Root{info.st_dev, info.st_ino} : Root{};
}

}  // namespace

Status same_root(const std::string& path) {
  if (root_now() == lasting<[] { return new Root(root_now()); }>()) return {};
  return Error{ErrorCode::kIo, "the program has changed its root folder (chroot(2)), in which " +
                                   path + " can't be reached"};
}

std::string parent_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string temporary_path(const std::string& dir, std::string_view stem) {
  // The pid is asked for anew, so a forked child's names differ from its parent's.
  static std::atomic<uint64_t> counter{0};
  const std::string suffix =
      "." + std::to_string(sys::getpid()) + "-" + std::to_string(++counter) + ".tmp";
  return dir + "/." + std::string(stem.substr(0, NAME_MAX - 1 - suffix.size())) + suffix;
}

Result<int> create_temporary(Env& env, const std::string& dir, std::string_view stem,
                             std::string* path) {
  for (int attempt = 0;; ++attempt) {
    *path = temporary_path(dir, stem);
    const int fd = sys::open(path->c_str(), O_RDWR | O_CREAT | O_EXCL, 0666);
    // EEXIST: left behind by a process of the same pid, or another container's.
    if (fd == -EEXIST && attempt < kTemporaryNameAttempts) continue;
    if (fd == -ENOENT && attempt == 0) {
      if (Status made = env.make_dirs(dir); !made) return made.error();
      continue;
    }
    if (fd < 0) return io_error("create a file in", dir, -fd);
    return fd;
  }
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = sys::write(fd, bytes.data(), bytes.size());
    if (n < 0) return static_cast<int>(n);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return 0;
}

Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path) {
  if (Status root = same_root(path); !root) return root.error();
  const int fd = sys::open(path.c_str(), O_RDONLY);
  if (fd < 0) return io_error("open", path, -fd);
  return std::unique_ptr<SpillFile>(std::make_unique<ReadonlyFile>(sys::move_high(fd), path));
}

Result<std::unique_ptr<SpillFile>> create_spill(Env& env, const std::string& dir,
                                                bool allow_unnamed) {
  if (Status root = same_root(dir); !root) return root.error();
  if (Status status = env.make_dirs(dir); !status.ok()) return status.error();
  std::string name;
  int fd = allow_unnamed ? sys::open(dir.c_str(), O_TMPFILE | O_RDWR, 0666) : -EOPNOTSUPP;
  // What file systems and kernels without O_TMPFILE answer.
  if (fd == -EOPNOTSUPP || fd == -EISDIR || fd == -ENOENT || fd == -EINVAL) {
    const auto created = create_temporary(env, dir, "recshim", &name);
    if (!created) return created.error();
    fd = *created;
  }
  if (fd < 0) return io_error("create a file in", dir, -fd);
  return std::unique_ptr<SpillFile>(
      std::make_unique<PosixSpill>(env, sys::move_high(fd), dir, std::move(name)));
}

}  // namespace recshim::posix
