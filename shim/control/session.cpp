// Makes and checks session folders. Asks the operating system directly: who owns a file is
// not a thing that Env knows, and no fake could answer it.
#include "shim/control/session.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "shim/base/env.h"
#include "shim/base/log.h"

namespace recshim::control {
namespace {

constexpr const char* kOwnerName = "/owner";
constexpr const char* kSharedRoot = "/tmp";
constexpr const char* kSharedName = "recshim-";

Status make_private_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo, fmt::format("cannot make the session's folder {}: {}", path,
                                             std::strerror(errno))};
  }
  return check_session_folder(path);
}

// Process ids mean something in one namespace only, and /tmp may be shared by several.
// Source: pid_namespaces(7).
uint64_t pid_namespace() {
  struct stat info {};
  return stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

// True where there is none to be noted.
bool owner_is_noted(const Config& config) {
  return config.session_owner == 0 || access((config.session_dir + kOwnerName).c_str(), F_OK) == 0;
}

Status note_owner(const Config& config) {
  return posix_env().write_atomic(config.session_dir + kOwnerName,
                                  fmt::format("{} {}\n", config.session_owner, pid_namespace()));
}

void remove_abandoned_sessions(const std::string& root) {
  const auto entries = posix_env().list(root);
  if (!entries) return;
  for (const auto& entry : *entries) {
    const std::string folder = root + "/" + entry.name;
    remove_if_abandoned(folder, noted_owner(folder));
  }
}

}  // namespace

std::string fresh_session_id() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
    // Early boot, or a filter that forbids the call: unique on this machine is enough.
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    number = (static_cast<uint64_t>(getpid()) << 40) ^
             (static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + now.tv_nsec);
  }
  return fmt::format("{:016x}", number);
}

std::string session_root(const GetEnv& get_env) {
  const std::string runtime_dir = get_env("XDG_RUNTIME_DIR").value_or("");
  struct stat info {};
  if (runtime_dir.starts_with('/') && stat(runtime_dir.c_str(), &info) == 0 &&
      S_ISDIR(info.st_mode) && info.st_uid == geteuid()) {
    return runtime_dir + "/recshim";
  }
  // In a user namespace the same number is another user, to whom that folder is closed.
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;  // linux/proc_ns.h, PROC_USER_INIT_INO
  const bool is_initial =
      stat("/proc/self/ns/user", &info) != 0 || info.st_ino == kInitialUserNamespace;
  return is_initial ? fmt::format("{}/{}{}", kSharedRoot, kSharedName, geteuid())
                    : fmt::format("{}/{}{}-{}", kSharedRoot, kSharedName, geteuid(), info.st_ino);
}

std::vector<std::string> session_folders_of_other_users(const Config& config) {
  std::vector<std::string> folders;
  const auto entries = posix_env().list(kSharedRoot);
  if (!entries) return folders;
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with(kSharedName)) continue;
    std::string folder = fmt::format("{}/{}/{}", kSharedRoot, entry.name, config.session);
    // No link of theirs is followed out of there.
    struct stat info {};
    if (folder != config.session_dir && lstat(folder.c_str(), &info) == 0 &&
        S_ISDIR(info.st_mode) && entry.name == fmt::format("{}{}", kSharedName, info.st_uid)) {
      folders.push_back(std::move(folder));
    }
  }
  return folders;
}

Status check_session_folder(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return Error{ErrorCode::kIo, fmt::format("cannot look at {}: {}", path, std::strerror(errno))};
  }
  const char* problem = nullptr;
  if (!S_ISDIR(info.st_mode)) {
    problem = "is not a folder";
  } else if (info.st_uid != geteuid()) {
    problem = "belongs to another user";
  } else if ((info.st_mode & 022) != 0) {
    problem = "can be written to by other users";
  }
  if (problem == nullptr) return {};
  return Error{ErrorCode::kIo, fmt::format("{} {}, so recshim does not use it; remove it, or set "
                                           "XDG_RUNTIME_DIR to a folder of yours",
                                           path, problem)};
}

Status make_session_dir(const std::string& session_dir) {
  const std::string parent = session_dir.substr(0, session_dir.rfind('/'));
  // "/" is nobody's to check, and no place to make folders in.
  if (parent.empty() || session_dir.front() != '/') {
    return Error{
        ErrorCode::kIo,
        fmt::format("{} cannot be a session's folder: name one in a folder of yours, by its "
                    "absolute path",
                    session_dir)};
  }
  if (Status made = make_private_folder(parent); !made) return made;
  return make_private_folder(session_dir);
}

Status make_session_dir(const Config& config) {
  Status made = make_session_dir(config.session_dir);
  if (!made || owner_is_noted(config)) return made;
  remove_abandoned_sessions(config.session_dir.substr(0, config.session_dir.rfind('/')));
  return note_owner(config);
}

void note_owner_again(const Config& config) {
  if (owner_is_noted(config) || access(config.session_dir.c_str(), F_OK) != 0) return;
  if (const Status noted = note_owner(config); !noted) log::debug("{}", noted.error().message);
}

pid_t noted_owner(const std::string& session_dir) {
  const auto text = posix_env().read_file(session_dir + kOwnerName);
  if (!text) return 0;
  char* after = nullptr;
  const auto owner = static_cast<pid_t>(std::strtol(text->c_str(), &after, 10));
  return std::strtoull(after, nullptr, 10) == pid_namespace() ? owner : 0;
}

void remove_if_abandoned(const std::string& session_dir, pid_t owner) {
  if (owner <= 0 || kill(owner, 0) == 0 || errno != ESRCH) return;
  if (const Status removed = posix_env().remove_tree(session_dir); !removed) {
    log::debug("session folder: {}", removed.error().message);
  }
}

}  // namespace recshim::control
