// See stash.h.
#include "shim/store/stash.h"

#include "shim/base/regular_file.h"
#include "shim/base/sha256.h"

namespace recshim::store {
namespace {

constexpr size_t kBlockBytes = size_t{256} << 10;

}  // namespace

std::string Stash::path_of(const std::string& path) const {
  const size_t slash = path.rfind('/');
  return dir_ + "/stash/" + sha256_hex(path.substr(0, slash)).substr(0, 16) + "-" +
         path.substr(slash + 1);
}

Status Stash::put(const std::string& path) {
  if (dir_.empty()) return Error{ErrorCode::kIo, "no session folder to set " + path + " aside in"};
  Status made = env_.make_dirs(dir_, 0700);
  if (made.ok()) made = env_.make_dirs(dir_ + "/stash", 0700);
  return made.ok() ? move(path, path_of(path)) : made;
}

Status Stash::take_back(const std::string& path, const std::string& to) {
  if (dir_.empty()) return Error{ErrorCode::kNotFound, "nothing is set aside"};
  return move(path_of(path), to);
}

// By rename; by copy where the two lie on different file systems.
Status Stash::move(const std::string& from, const std::string& to) {
  if (env_.rename(from, to).ok()) return {};
  auto info = env_.stat(from);
  if (!info.ok()) return info.error();
  auto source = open_below(env_, from.substr(0, from.rfind('/')), from);
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
