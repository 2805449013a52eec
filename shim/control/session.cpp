// Makes and checks session folders. Asks the operating system directly: who owns a file is
// not a thing that Env knows, and no fake could answer it.
#include "shim/control/session.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

namespace recshim::control {
namespace {

Status make_private_folder(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return Error{ErrorCode::kIo, fmt::format("cannot make the session's folder {}: {}", path,
                                             std::strerror(errno))};
  }
  return check_session_folder(path);
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
  return fmt::format("/tmp/recshim-{}", geteuid());
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
  if (Status made = make_private_folder(parent); !made) return made;
  return make_private_folder(session_dir);
}

}  // namespace recshim::control
