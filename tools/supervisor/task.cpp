// See task.h.
#include "tools/supervisor/task.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <sstream>

#include "shim/base/env.h"
#include "shim/control/names.h"
#include "tools/recshim/elf.h"

namespace recshim::supervisor {
namespace {

std::string proc(pid_t task, const char* name) {
  return fmt::format("/proc/{}/{}", task, name);
}

Error cannot_look(pid_t task, int error) {
  if (error != EPERM && error != EACCES) {
    return {ErrorCode::kNotFound, fmt::format("process {}: {}", task, std::strerror(error))};
  }
  return {ErrorCode::kUnsupported,
          fmt::format("process {} may not be looked into ({}): it runs as another user, is not "
                      "dumpable, or kernel.yama.ptrace_scope or a container's profile forbids it",
                      task, std::strerror(error))};
}

bool may_look_into_all() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  return syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> CAP_SYS_PTRACE & 1) != 0;
}

// By way of proc(5), where process_vm_readv(2) is kept from us: -errno, or how much was moved.
template <typename Move>
ssize_t move_memory(pid_t thread, int flags, Move move) {
  const int fd = open(proc(thread, "mem").c_str(), flags | O_CLOEXEC);
  if (fd < 0) return -errno;
  const ssize_t moved = move(fd);
  const int error = errno;
  close(fd);
  return moved < 0 ? -error : moved;
}

// Field 22 of /proc/PID/stat; the name before it may hold anything. Source: proc(5).
uint64_t start_time(pid_t process) {
  const auto text = posix_env().read_file(proc(process, "stat"));
  if (!text) return 0;
  std::istringstream fields(text->substr(text->rfind(')') + 1));
  std::string skipped;
  for (int i = 3; i < 22; ++i) fields >> skipped;
  uint64_t time = 0;
  fields >> time;
  return time;
}

}  // namespace

Result<std::string> read_memory(pid_t thread, uint64_t address, size_t n) {
  std::string bytes(n, '\0');
  const iovec here = {bytes.data(), n};
  const iovec there = {reinterpret_cast<void*>(address), n};
  ssize_t got = process_vm_readv(thread, &here, 1, &there, 1, 0);
  if (got < 0 && (errno == EPERM || errno == ENOSYS)) {
    const OwnersRights rights(thread);
    got = move_memory(thread, O_RDONLY, [&](int fd) {
      return pread(fd, bytes.data(), n, static_cast<off_t>(address));
    });
    if (got < 0) errno = static_cast<int>(-got);
  }
  if (got == static_cast<ssize_t>(n)) return bytes;
  return cannot_look(thread, got < 0 ? errno : EFAULT);
}

bool write_memory(pid_t thread, uint64_t address, const std::string& bytes) {
  const OwnersRights rights(thread);
  return move_memory(thread, O_WRONLY, [&](int fd) {
           return pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(address));
         }) == static_cast<ssize_t>(bytes.size());
}

OwnersRights::OwnersRights(pid_t task) {
  static const bool has_them_all = geteuid() != 0 || may_look_into_all();
  struct stat owner {};
  if (has_them_all || stat(fmt::format("/proc/{}", task).c_str(), &owner) != 0) return;
  if (owner.st_uid == geteuid() && owner.st_gid == getegid()) return;
  // These calls are the thread's alone. Source: setfsuid(2).
  group_ = static_cast<gid_t>(setfsgid(owner.st_gid));
  user_ = static_cast<uid_t>(setfsuid(owner.st_uid));
  changed_ = true;
}

OwnersRights::~OwnersRights() {
  if (!changed_) return;
  setfsuid(user_);
  setfsgid(group_);
}

pid_t process_of(pid_t thread) {
  const auto text = posix_env().read_file(proc(thread, "status"));
  if (!text) return 0;
  const size_t at = text->find("\nTgid:");
  return at == std::string::npos ? 0 : static_cast<pid_t>(std::atoi(text->c_str() + at + 6));
}

Result<int> take_descriptor(pid_t process, int fd) {
  const int pidfd = static_cast<int>(syscall(SYS_pidfd_open, process, 0));
  if (pidfd < 0) return cannot_look(process, errno);
  const int copy = static_cast<int>(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
  const int error = errno;
  close(pidfd);
  if (copy < 0) return cannot_look(process, error);
  return copy;
}

DescriptorFlags descriptor_flags(pid_t thread, int fd) {
  const OwnersRights rights(thread);
  const auto text = posix_env().read_file(fmt::format("/proc/{}/fdinfo/{}", thread, fd));
  unsigned flags = 0;
  const size_t at = text ? text->find("flags:") : std::string::npos;
  if (at != std::string::npos) std::sscanf(text->c_str() + at + 6, "%o", &flags);
  return {(flags & O_NONBLOCK) != 0, (flags & O_CLOEXEC) != 0};
}

std::optional<std::string> start_variable(pid_t process, const std::string& name) {
  const OwnersRights rights(process);
  const auto text = posix_env().read_file(proc(process, "environ"));
  if (!text) return std::nullopt;
  std::istringstream variables(*text);
  for (std::string variable; std::getline(variables, variable, '\0');) {
    if (variable.size() > name.size() && variable.starts_with(name) &&
        variable[name.size()] == '=') {
      return variable.substr(name.size() + 1);
    }
  }
  return std::nullopt;
}

Reach Processes::reach_of(pid_t process) const {
  const auto maps = posix_env().read_file(proc(process, "maps"));
  if (!maps || maps->empty()) return Reach::kUnknown;
  const tools::Program program = tools::inspect_file(proc(process, "exe"));
  if (program.is_go) return Reach::kGo;
  if (maps->find("/" + library_name_ + "\n") != std::string::npos) return Reach::kLibrary;
  if (!program.is_elf) return Reach::kUnknown;
  if (program.is_foreign) return program.is_dynamic ? Reach::kLost : Reach::kStatic;
  return !program.is_dynamic || tools::is_loaded_by_musl(program) ? Reach::kStatic : Reach::kLost;
}

Process Processes::look_at(pid_t process) {
  const OwnersRights rights(process);
  const uint64_t started = start_time(process);
  struct stat info {};
  const std::string link = proc(process, "exe");
  std::string executable;
  if (stat(link.c_str(), &info) == 0) executable = fmt::format("{}:{}", info.st_dev, info.st_ino);
  {
    const std::lock_guard lock(mutex_);
    const auto found = seen_.find(process);
    // A program without the library may yet be on its way to load it.
    if (found != seen_.end() && found->second.start_time == started &&
        found->second.executable == executable && !executable.empty() &&
        found->second.process.reach != Reach::kUnknown &&
        found->second.process.reach != Reach::kLost) {
      return found->second.process;
    }
  }
  Process looked;
  looked.pid = process;
  char target[PATH_MAX];
  const ssize_t n = readlink(link.c_str(), target, sizeof target);
  if (n > 0) looked.path.assign(target, static_cast<size_t>(n));
  looked.program = looked.path.substr(looked.path.rfind('/') + 1);
  looked.reach = reach_of(process);
  looked.proxies = control::proxies_of_environment(
      [process](const char* name) { return start_variable(process, name); });
  looked.supervisor = start_variable(process, control::kSupervisorVariable).value_or("");
  looked.ca_file = start_variable(process, "SSL_CERT_FILE").value_or("");
  const std::lock_guard lock(mutex_);
  constexpr size_t kRemembered = 4096;
  if (seen_.size() >= kRemembered) seen_.clear();
  seen_[process] = {started, executable, looked};
  return looked;
}

}  // namespace recshim::supervisor
