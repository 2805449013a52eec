// See settings_file.h.
#include "shim/control/settings_file.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "shim/control/names.h"
#include "shim/control/values.h"

namespace recshim::control {
namespace {

// The user, and who has become root by sudo(8).
bool is_user(uid_t owner, const GetEnv& get_env) {
  if (owner == geteuid()) return true;
  const std::string sudo = get_env("SUDO_UID").value_or("");
  return geteuid() == 0 && !sudo.empty() && sudo == std::to_string(owner);
}

// Why what info tells of is not to be trusted; "" if it is.
std::string why_not(const struct stat& info, const GetEnv& get_env) {
  if (info.st_uid != 0 && !is_user(info.st_uid, get_env)) {
    return fmt::format("belongs to another user ({})", info.st_uid);
  }
  if ((info.st_mode & S_IWOTH) != 0) return "can be written to by every user";
  // Many systems give each user a group of the same number, and let it write to all of their files.
  const bool own_group = info.st_uid != 0 && info.st_gid == info.st_uid;
  if ((info.st_mode & S_IWGRP) != 0 && !own_group) return "can be written to by its group";
  return "";
}

bool is_same(const std::string& a, const std::string& b) {
  struct stat first {
  }, second{};
  return stat(a.c_str(), &first) == 0 && stat(b.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

// Why nothing in folder, or above it, counts; "" if it does.
std::string why_not_in(const std::string& folder, const GetEnv& get_env) {
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return "the folder " + folder + " can't be looked at";
  const std::string problem = why_not(info, get_env);
  return problem.empty() ? "" : fmt::format("the folder {} {}", folder, problem);
}

// Why the search ends with folder; "" if it goes on.
std::string why_end(const std::string& folder, const GetEnv& get_env) {
  struct stat info {};
  if (stat(absolute_path(folder, ".git").c_str(), &info) == 0) {
    return "it lies above the repository " + folder;
  }
  const std::string home = get_env("HOME").value_or("");
  if (home.starts_with('/') && is_same(home, folder)) return "it lies above the home folder";
  return "";
}

}  // namespace

SettingsFile find_settings_file(const GetEnv& get_env, const std::string& cwd) {
  SettingsFile found;
  std::string reason;  // why nothing from here on counts
  for (std::string folder = cwd;; folder = absolute_path(folder, "..")) {
    if (reason.empty()) reason = why_not_in(folder, get_env);
    const std::string path = absolute_path(folder, kConfigFileName);
    struct stat info {
    }, link{};
    // A folder that may not be searched holds no file of ours.
    if (stat(path.c_str(), &info) == 0 && lstat(path.c_str(), &link) == 0) {
      for (const auto& each : {link, info}) {
        if (!reason.empty()) break;
        // Rights of a link mean nothing.
        struct stat judged = each;
        if (S_ISLNK(judged.st_mode)) judged.st_mode = 0;
        const std::string problem = why_not(judged, get_env);
        if (!problem.empty()) reason = "it " + problem;
      }
      if (reason.empty()) {
        found.path = path;
        found.is_regular = S_ISREG(info.st_mode);
        found.is_users = is_user(info.st_uid, get_env);
      } else {
        found.not_obeyed = fmt::format("{} is not obeyed: {}; if you trust it, say so by {}={}",
                                       path, reason, kConfigVariable, path);
      }
      return found;
    }
    if (reason.empty()) reason = why_end(folder, get_env);
    if (folder == "/") return found;
  }
}

std::string settings_not_obeyed(const GetEnv& get_env, const std::string& cwd) {
  if (cwd.empty() || !get_env(kConfigVariable).value_or("").empty()) return {};
  return find_settings_file(get_env, cwd).not_obeyed;
}

bool is_private_folder(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return errno == ENOENT;
  return S_ISDIR(info.st_mode) && info.st_uid == geteuid() &&
         (info.st_mode & (S_IWOTH | S_IWGRP)) == 0;
}

}  // namespace recshim::control
