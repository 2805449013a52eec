// See regular_file.h.
#include "shim/base/regular_file.h"

#include <limits.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>
#include <optional>

namespace recshim {
namespace {

std::optional<std::string> resolved(const std::string& path) {
  std::array<char, PATH_MAX> out;
  if (::realpath(path.c_str(), out.data()) == nullptr) return std::nullopt;
  return std::string(out.data());
}

std::string why_outside(const std::string& dir, const std::string& path) {
  const auto folder = resolved(dir);
  const auto target = resolved(path);
  if (!folder || !target) return "a link that leads nowhere";
  const std::string inside = *folder == "/" ? *folder : *folder + "/";
  if (*target == *folder || target->starts_with(inside)) return "";
  return "a link that leads out of the folder, to " + *target;
}

Status check(const std::string& dir, const std::string& path) {
  const std::string reason = why_not_readable(dir, path);
  if (reason.empty()) return {};
  return Error{ErrorCode::kUnsupported, path + " can't be read: it is " + reason};
}

}  // namespace

std::string why_not_readable(const std::string& dir, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return "";
  // What lies right in dir and is no link needs no more looks.
  if (S_ISLNK(info.st_mode) || path.rfind('/') != dir.size()) {
    std::string reason = why_outside(dir, path);
    if (!reason.empty()) return reason;
    if (::stat(path.c_str(), &info) != 0) return "";
  }
  return S_ISREG(info.st_mode) ? "" : "no regular file";
}

std::string why_not_searchable(const std::string& dir, const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISLNK(info.st_mode)) return "";
  std::string reason = why_outside(dir, path);
  return reason.empty() ? "." : reason;
}

Result<std::string> read_below(Env& env, const std::string& dir, const std::string& path,
                               uint64_t max_bytes) {
  if (const Status may = check(dir, path); !may) return may.error();
  const auto info = env.stat(path);
  if (!info) return info.error();
  if (info->size_bytes > max_bytes) {
    return Error{ErrorCode::kTooLarge, path + " has " + std::to_string(info->size_bytes) +
                                           " bytes, more than a " + "recording has"};
  }
  return env.read_file(path);
}

Result<std::unique_ptr<SpillFile>> open_below(Env& env, const std::string& dir,
                                              const std::string& path) {
  if (const Status may = check(dir, path); !may) return may.error();
  return env.open_readonly(path);
}

}  // namespace recshim
