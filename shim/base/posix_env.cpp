// PosixEnv: files, locks and clocks of the process we live in. Leaves umask, working
// folder and low descriptors alone, and keeps nothing open beyond the objects it returns.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <new>

#include "shim/base/env.h"
#include "shim/base/lasting.h"
#include "shim/base/posix_file.h"
#include "shim/base/sys.h"

namespace recshim {
namespace {

using posix::io_error;

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd), owner_(sys::getpid()) {}
  ~PosixLock() override {
    // A forked child shares the lock: closing its copy leaves it with the parent, while
    // LOCK_UN would take it away. The owner must say LOCK_UN for the same reason: a
    // child's copy would keep the lock alive.
    if (owner_ == sys::getpid()) sys::flock(fd_, LOCK_UN);
    sys::close(fd_);
  }

 private:
  int fd_;
  pid_t owner_;
};

uint64_t clock_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

class PosixEnv final : public Env {
 public:
  Result<std::string> read_file(const std::string& path) override;
  Result<std::unique_ptr<SpillFile>> open_readonly(const std::string& path) override {
    return posix::open_readonly(path);
  }
  Status write_atomic(const std::string& path, std::string_view content) override;
  Status append(const std::string& path, std::string_view content) override;
  Result<std::unique_ptr<SpillFile>> create_spill(const std::string& dir) override {
    return posix::create_spill(*this, dir);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (Status root = posix::same_root(from); !root) return root;
    if (::rename(from.c_str(), to.c_str()) != 0) return io_error("rename", from, errno);
    return {};
  }
  Status remove(const std::string& path) override {
    if (Status root = posix::same_root(path); !root) return root;
    if (::remove(path.c_str()) != 0) return io_error("remove", path, errno);
    return {};
  }
  Status remove_tree(const std::string& path) override;
  Status make_dirs(const std::string& path, unsigned mode) override;
  Status set_mtime_ns(const std::string& path, int64_t mtime_ns) override;
  Result<std::vector<DirEntry>> list(const std::string& dir) override;
  Result<FileInfo> stat(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock_folder(const std::string& dir) override;
  uint64_t wall_time_us() override { return clock_us(CLOCK_REALTIME); }
  uint64_t monotonic_time_us() override { return clock_us(CLOCK_MONOTONIC); }
};

Result<std::string> PosixEnv::read_file(const std::string& path) {
  const int fd = sys::open(path.c_str(), O_RDONLY);
  if (fd < 0) {
    if (Status root = posix::same_root(path); !root) return root.error();
    return io_error("open", path, -fd);
  }
  struct stat info {};
  std::string content;
  long status = sys::call(SYS_fstat, fd, sys::arg(&info));
  try {
    // One more than the size says, so that the read that finds the end needs no growth.
    size_t room = status == 0 && info.st_size > 0 ? static_cast<size_t>(info.st_size) + 1 : 4096;
    size_t filled = 0;
    while (status >= 0) {
      content.resize(filled + room);
      status = sys::read(fd, content.data() + filled, room);
      if (status <= 0) break;
      filled += static_cast<size_t>(status);
      room = std::max<size_t>(content.size() - filled, 4096);
    }
    content.resize(filled);
  } catch (const std::exception&) {
    sys::close(fd);
    return Error{ErrorCode::kTooLarge, "read " + path + ": no memory"};
  }
  sys::close(fd);
  if (status < 0) return io_error("read", path, static_cast<int>(-status));
  return content;
}

Status PosixEnv::write_atomic(const std::string& path, std::string_view content) {
  if (Status root = posix::same_root(path); !root) return root;
  std::string temporary;
  const auto created = posix::create_temporary(*this, posix::parent_of(path),
                                               path.substr(path.rfind('/') + 1), &temporary);
  if (!created) return created.error();
  const int fd = *created;
  int error = -posix::write_all(fd, content);
  // Some file systems report a full disk only here.
  const int closed = sys::close(fd);
  if (error == 0 && closed != -EINTR) error = -closed;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return {};
  ::unlink(temporary.c_str());
  return io_error("write", path, error);
}

Status PosixEnv::append(const std::string& path, std::string_view content) {
  if (Status root = posix::same_root(path); !root) return root;
  const int fd = sys::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0666);
  if (fd < 0) return io_error("open", path, -fd);
  // One write in practice; the rest follows where the kernel took only a part of it.
  const int status = posix::write_all(fd, content);
  sys::close(fd);
  if (status < 0) return io_error("append to", path, -status);
  return {};
}

Status PosixEnv::remove_tree(const std::string& path) {
  if (Status root = posix::same_root(path); !root) return root;
  std::error_code error;
  try {
    const auto removed = std::filesystem::remove_all(path, error);
    if (!error && removed == 0) return io_error("remove", path, ENOENT);
  } catch (const std::exception& e) {
    return Error{ErrorCode::kIo, "remove " + path + ": " + e.what()};
  }
  if (error) return io_error("remove", path, error.value());
  return {};
}

Status PosixEnv::make_dirs(const std::string& path, unsigned mode) {
  if (Status root = posix::same_root(path); !root) return root;
  // Most often everything is there already.
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return Error{ErrorCode::kIo, "make folder " + path + ": a file of that name exists"};
  }
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) {
      // A folder above may be read-only or an automount and yet be there.
      const int error = errno;
      if (::stat(part.c_str(), &info) != 0) {
        return Error{ErrorCode::kIo, io_error("make folder", path, error).message};
      }
    }
    if (end == std::string::npos) break;
  }
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return Error{ErrorCode::kIo, io_error("make folder", path, ENOTDIR).message};
}

Status PosixEnv::set_mtime_ns(const std::string& path, int64_t mtime_ns) {
  if (Status root = posix::same_root(path); !root) return root;
  timespec times[2] = {};
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_sec = mtime_ns / 1'000'000'000;
  times[1].tv_nsec = mtime_ns % 1'000'000'000;
  if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) {
    return io_error("set the time of", path, errno);
  }
  return {};
}

Result<std::vector<DirEntry>> PosixEnv::list(const std::string& dir) {
  if (Status root = posix::same_root(dir); !root) return root.error();
  DIR* stream = ::opendir(dir.c_str());
  if (stream == nullptr) return io_error("list", dir, errno);
  std::vector<DirEntry> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    bool is_directory = entry->d_type == DT_DIR;
    if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK) {
      struct stat info {};
      is_directory =
          ::stat((dir + "/" + entry->d_name).c_str(), &info) == 0 && S_ISDIR(info.st_mode);
    }
    entries.push_back({std::string(name), is_directory, entry->d_ino});
    errno = 0;
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return io_error("list", dir, error);
  return entries;
}

Result<FileInfo> PosixEnv::stat(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) {
    const int error = errno;
    if (Status root = posix::same_root(path); !root) return root.error();
    return io_error("stat", path, error);
  }
  return FileInfo{static_cast<uint64_t>(info.st_size),
                  info.st_mtim.tv_sec * int64_t{1'000'000'000} + info.st_mtim.tv_nsec, info.st_ino,
                  S_ISDIR(info.st_mode)};
}

// Blocks until fd, which leads to path, is locked. *named: path leads to it still.
Result<std::unique_ptr<FileLock>> lock_descriptor(int fd, const std::string& path, bool* named) {
  fd = sys::move_high(fd);
  if (const int status = sys::flock(fd, LOCK_EX); status < 0) {
    sys::close(fd);
    return io_error("lock", path, -status);
  }
  struct stat held {
  }, now{};
  *named = sys::call(SYS_fstat, fd, sys::arg(&held)) == 0 && ::stat(path.c_str(), &now) == 0 &&
           held.st_dev == now.st_dev && held.st_ino == now.st_ino;
  return std::unique_ptr<FileLock>(std::make_unique<PosixLock>(fd));
}

Result<std::unique_ptr<FileLock>> PosixEnv::lock(const std::string& path) {
  if (Status root = posix::same_root(path); !root) return root.error();
  while (true) {
    int fd = sys::open(path.c_str(), O_RDWR | O_CREAT, 0666);
    if (fd == -ENOENT) {
      if (Status made = make_dirs(posix::parent_of(path), 0777); !made.ok()) return made.error();
      fd = sys::open(path.c_str(), O_RDWR | O_CREAT, 0666);
    }
    if (fd < 0) return io_error("open", path, -fd);
    // Whoever held the lock may have removed the file: then this is a lock on nothing.
    bool named = false;
    auto lock = lock_descriptor(fd, path, &named);
    if (!lock || named) return lock;
  }
}

Result<std::unique_ptr<FileLock>> PosixEnv::lock_folder(const std::string& dir) {
  while (true) {
    if (Status made = make_dirs(dir, 0777); !made.ok()) return made.error();
    int fd = sys::open(dir.c_str(), O_RDONLY | O_DIRECTORY);
    if (fd == -ENOENT) continue;
    if (fd < 0) return io_error("open", dir, -fd);
    const int tried = sys::flock(fd, LOCK_SH | LOCK_NB);
    if (tried < 0 && tried != -EWOULDBLOCK) {
      sys::close(fd);
      // Over a network some file systems lock only what is open for writing: a file in there.
      if (tried == -EBADF) return lock(dir + "/.recshim.lock");
      return Error{ErrorCode::kUnsupported, io_error("lock", dir, -tried).message};
    }
    bool named = false;
    auto lock = lock_descriptor(fd, dir, &named);
    if (!lock || named) return lock;
  }
}

}  // namespace

Env& posix_env() {
  // Never destroyed: recordings are still written from exit handlers.
  return lasting<[] { return new PosixEnv; }>();
}

}  // namespace recshim
