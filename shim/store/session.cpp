// Session files. See session.h.
#include "shim/store/session.h"

#include <mutex>

#include "shim/base/log.h"
#include "shim/base/sha256.h"

namespace recshim::store {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 10;

}  // namespace

Session::Session(Env& env, std::string dir) : env_(env), dir_(std::move(dir)) {}

bool Session::usable() {
  {
    const std::lock_guard guard(mutex_);
    if (state_ != 0) return state_ > 0;
  }
  bool works = false;
  if (!dir_.empty()) {
    Status made = env_.make_dirs(dir_, 0700);
    if (made.ok()) made = env_.make_dirs(dir_ + "/series", 0700);
    works = made.ok();
    if (!works) log::warn("repeats are counted in this process only: {}", made.error().message);
  }
  const std::lock_guard guard(mutex_);
  state_ = works ? 1 : -1;
  return works;
}

std::string Session::file(const std::string& name) const {
  return dir_ + "/series/" + name;
}

std::unique_ptr<FileLock> Session::lock(const std::string& name) {
  if (!usable()) return nullptr;
  auto lock = env_.lock(file(name + ".lock"));
  if (lock.ok()) return std::move(*lock);
  log::warn("no lock on the series: {}", lock.error().message);
  return nullptr;
}

std::string Session::read(const std::string& name) {
  if (usable()) {
    auto content = env_.read_file(file(name));
    return content.ok() ? std::move(*content) : std::string();
  }
  const std::lock_guard guard(mutex_);
  return memory_[name];
}

Status Session::write(const std::string& name, const std::string& content) {
  if (usable()) return env_.write_atomic(file(name), content);
  const std::lock_guard guard(mutex_);
  memory_[name] = content;
  return {};
}

Status Session::append(const std::string& name, const std::string& line) {
  if (usable()) return env_.append(file(name), line);
  const std::lock_guard guard(mutex_);
  memory_[name] += line;
  return {};
}

std::string Session::stash_path(const std::string& path) const {
  const size_t slash = path.rfind('/');
  return dir_ + "/stash/" + sha256_hex(path.substr(0, slash)).substr(0, 16) + "-" +
         path.substr(slash + 1);
}

Status Session::stash(const std::string& path) {
  if (!usable()) return Error{ErrorCode::kIo, "no session folder to set " + path + " aside in"};
  Status made = env_.make_dirs(dir_ + "/stash", 0700);
  if (!made.ok()) return made;
  return move(path, stash_path(path));
}

Status Session::restore(const std::string& path) {
  if (!usable()) return Error{ErrorCode::kNotFound, "nothing is set aside"};
  return move(stash_path(path), path);
}

// By rename; by copy where the two lie on different file systems.
Status Session::move(const std::string& from, const std::string& to) {
  if (env_.rename(from, to).ok()) return {};
  auto info = env_.stat(from);
  if (!info.ok()) return info.error();
  auto source = env_.open_readonly(from);
  if (!source.ok()) return source.error();
  auto copy = env_.create_spill(to.substr(0, to.rfind('/')));
  if (!copy.ok()) return copy.error();
  std::string block(kBlockBytes, '\0');
  for (uint64_t offset = 0;;) {
    auto got = (*source)->read_at(offset, block.data(), block.size());
    if (!got.ok()) return got.error();
    if (*got == 0) break;
    const Status appended = (*copy)->append(std::string_view(block).substr(0, *got));
    if (!appended.ok()) return appended;
    offset += *got;
  }
  const Status published = (*copy)->publish(to);
  if (!published.ok()) return published;
  const Status timed = env_.set_mtime_ns(to, info->mtime_ns);
  if (!timed.ok()) return timed;
  return env_.remove(from);
}

}  // namespace recshim::store
