// Makes and checks session folders. Asks the operating system directly: who owns a file is
// not a thing that Env knows, and no fake could answer it.
#include "shim/control/session.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/names.h"

namespace recshim::control {
namespace {

constexpr const char* kOwnerName = "/owner";
constexpr const char* kShared = "/tmp";
constexpr const char* kSharedName = "recshim-";

// In a user namespace the number of a user is another's outside, to whom the folder of that
// number is closed, and the kernel hands the namespace's own number out again: only with the
// session's id the name is nobody else's.
std::string shared_root(uid_t user, const std::string& session) {
  constexpr ino_t kInitialUserNamespace = 0xEFFFFFFD;  // linux/proc_ns.h, PROC_USER_INIT_INO
  struct stat info {};
  const bool is_initial =
      stat("/proc/self/ns/user", &info) != 0 || info.st_ino == kInitialUserNamespace;
  const std::string root = fmt::format("{}/{}{}", kShared, kSharedName, user);
  return is_initial ? root : fmt::format("{}-{}-{}", root, info.st_ino, session);
}

// Of a name that shared_root() gave a root for one session alone: its id, else "".
std::string only_session_of(const std::string& root_name) {
  if (!root_name.starts_with(kSharedName)) return "";
  const size_t first = root_name.find('-', std::strlen(kSharedName));
  const size_t second = first == std::string::npos ? first : root_name.find('-', first + 1);
  return second == std::string::npos ? "" : root_name.substr(second + 1);
}

Status make_private_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo, fmt::format("cannot make the session's folder {}: {}", path,
                                             sys::error_text(errno))};
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

// Of this user, in any user namespace.
bool is_own_folder(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == geteuid();
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  if (const auto entries = posix_env().list(folder)) {
    for (const auto& entry : *entries) names.push_back(entry.name);
  }
  return names;
}

void remove_abandoned_sessions(const std::string& root) {
  for (const std::string& name : names_in(root)) {
    const std::string folder = root + "/" + name;
    remove_if_abandoned(folder, noted_owner(folder));
  }
  if (std::filesystem::path(root).parent_path() != kShared) return;
  for (const std::string& name : names_in(kShared)) {
    const std::string own_root = fmt::format("{}/{}", kShared, name);
    const std::string session = only_session_of(name);
    if (session.empty() || !is_own_folder(own_root)) continue;
    const std::string folder = own_root + "/" + session;
    remove_if_abandoned(folder, noted_owner(folder));
  }
}

struct MemoryPlace {
  pid_t pid = 0;
  int fd = -1;
};

// "SESSION:PID:FD". nullopt where there is none, or another session's.
std::optional<MemoryPlace> memory_place(const std::optional<std::string>& text,
                                        const std::string& session) {
  if (!text || !text->starts_with(session + ":")) return std::nullopt;
  MemoryPlace place;
  const char* at = text->data() + session.size() + 1;
  const char* const end = text->data() + text->size();
  const auto pid = std::from_chars(at, end, place.pid);
  if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != ':') return std::nullopt;
  const auto fd = std::from_chars(pid.ptr + 1, end, place.fd);
  if (fd.ec != std::errc() || fd.ptr != end) return std::nullopt;
  return place;
}

Result<std::unique_ptr<SessionMemory>> reach_memory(Config& config, const GetEnv& get_env) {
  const auto place = memory_place(get_env(kSessionMemoryVariable), config.session);
  if (place) {
    auto inherited = SessionMemory::attach(place->fd, config.session);
    if (inherited) {
      config.memory_at = fmt::format("{}:{}:{}", config.session, place->pid, place->fd);
      return inherited;
    }
    return SessionMemory::attach_to(place->pid, place->fd, config.session);
  }
  if (config.session_is_fresh) return SessionMemory::make(config.session);
  if (config.session_owner != 0) {
    return Error{ErrorCode::kNotFound, "the session's memory can't be found: " +
                                           std::string(kSessionMemoryVariable) + " is not set"};
  }
  if (const Status made = make_session_dir(config); !made) return made.error();
  return SessionMemory::open_file(config.session_dir + "/memory", config.session);
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

std::string session_root(const GetEnv& get_env, const std::string& session) {
  const std::string runtime_dir = get_env("XDG_RUNTIME_DIR").value_or("");
  struct stat info {};
  if (runtime_dir.starts_with('/') && stat(runtime_dir.c_str(), &info) == 0 &&
      S_ISDIR(info.st_mode) && info.st_uid == geteuid()) {
    return runtime_dir + "/recshim";
  }
  return shared_root(geteuid(), session);
}

std::string session_tree(const std::string& session_dir) {
  const std::filesystem::path path(session_dir);
  const std::filesystem::path root = path.parent_path();
  const bool is_its_own = root.parent_path() == kShared &&
                          only_session_of(root.filename().string()) == path.filename().string();
  return is_its_own ? root.string() : session_dir;
}

std::vector<std::string> session_folders_of_other_users(const Config& config) {
  std::vector<std::string> folders;
  for (const std::string& name : names_in(kShared)) {
    if (!name.starts_with(kSharedName)) continue;
    const std::string root = fmt::format("{}/{}", kShared, name);
    std::string folder = root + "/" + config.session;
    // No link of theirs is followed out of there.
    struct stat info {};
    if (folder != config.session_dir && lstat(folder.c_str(), &info) == 0 &&
        S_ISDIR(info.st_mode) && root == shared_root(info.st_uid, config.session)) {
      folders.push_back(std::move(folder));
    }
  }
  return folders;
}

Status check_session_folder(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return Error{ErrorCode::kIo,
                 fmt::format("cannot look at {}: {}", path, sys::error_text(errno))};
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

std::shared_ptr<SessionMemory> open_session_memory(Config& config, const GetEnv& get_env) {
  auto reached = reach_memory(config, get_env);
  if (reached && config.memory_at.empty()) {
    config.memory_at = fmt::format("{}:{}:{}", config.session, getpid(), (*reached)->fd());
  }
  config.store.memory = reached ? std::shared_ptr<SessionMemory>(std::move(*reached))
                                : SessionMemory::unreachable(reached.error());
  return config.store.memory;
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
  if (const Status removed = posix_env().remove_tree(session_tree(session_dir)); !removed) {
    log::debug("session folder: {}", removed.error().message);
  }
}

}  // namespace recshim::control
