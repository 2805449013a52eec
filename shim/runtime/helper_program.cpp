// See helper_program.h. The children make system calls only: they share this process's
// memory, whose locks other threads may hold.
#include "shim/runtime/helper_program.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <cstring>

#include "shim/base/env.h"
#include "shim/base/lasting.h"
#include "shim/base/sys.h"
#include "shim/control/config.h"
#include "shim/control/names.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

constexpr size_t kStack_bytes = size_t{64} << 10;
constexpr size_t kComplaint_bytes = 600;
constexpr int kExecFailed = 127;

std::vector<std::string>& start_environment() {
  return lasting<[] { return new std::vector<std::string>; }>();
}

bool names_variable(const std::string& entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

// The session's environment; without LD_PRELOAD, since the helper's connections are its own.
std::vector<std::string> helper_environment() {
  const auto session = control::inherited_variables(runtime()->config);
  std::vector<std::string> environment;
  for (const auto& entry : start_environment()) {
    bool kept = !names_variable(entry, "LD_PRELOAD");
    for (const auto& [name, value] : session) kept = kept && !names_variable(entry, name);
    if (kept) environment.push_back(entry);
  }
  for (const auto& [name, value] : session) environment.push_back(name + "=" + value);
  return environment;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  for (auto& text : texts) found.push_back(text.data());
  found.push_back(nullptr);
  return found;
}

// libc's own clone(2). ThreadSanitizer's would take a child in our memory for a fork of a
// program with threads, and end the program at its next thread.
using Clone = int (*)(int (*)(void*), void*, int, void*, ...);
Clone libc_clone() {
  return reinterpret_cast<Clone>(real::dlsym_function()(RTLD_NEXT, "clone"));
}

struct Launch {
  Clone clone;
  const char* path;
  char** argv;
  char** envp;
  int stderr_fd;
  int memory_fd;  // the session's memory; 3 or above
  bool detached;
  uint64_t deadline_us;
  char* inner_stack;
  // Filled in by the children.
  int error = 0;
  int status = 0;  // as wait(2) gives it, unless detached
  bool killed = false;
};

// But for the standard descriptors and one more.
void close_all_but(int kept) {
  if ((kept == 3 || sys::call(SYS_close_range, 3, kept - 1, 0) == 0) &&
      sys::call(SYS_close_range, kept + 1, UINT_MAX, 0) == 0) {
    return;
  }
  for (int fd = 3; fd < 65536; ++fd) {
    if (fd != kept) sys::close(fd);
  }
}

// Whatever the program ignores or handles, its helper must not.
void reset_signals() {
  struct {
    void* handler;
    unsigned long flags;
    void* restorer;
    unsigned long mask;
  } fallback{};
  for (int signal = 1; signal < NSIG; ++signal) {
    sys::call(SYS_rt_sigaction, signal, sys::arg(&fallback), 0, sizeof fallback.mask);
  }
}

// The grandchild becomes the helper.
int exec_helper(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  if (launch.detached) {
    sys::call(SYS_setsid);
    sys::call(SYS_chdir, sys::arg("/"));
  }
  const int null = sys::open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) {
    if (null >= 0 && null != fd) sys::call(SYS_dup3, null, fd, 0);
    if (null == fd) sys::call(SYS_fcntl, fd, F_SETFD, 0);
  }
  const int from = launch.stderr_fd >= 0 ? launch.stderr_fd : null;
  if (from >= 0 && from != STDERR_FILENO) sys::call(SYS_dup3, from, STDERR_FILENO, 0);
  close_all_but(launch.memory_fd);
  const unsigned long none = 0;
  sys::call(SYS_rt_sigprocmask, SIG_SETMASK, sys::arg(&none), 0, sizeof none);
  const long result =
      sys::call(SYS_execve, sys::arg(launch.path), sys::arg(launch.argv), sys::arg(launch.envp));
  launch.error = static_cast<int>(-result);
  sys::call(SYS_exit_group, kExecFailed);
  return 0;
}

// The child stands between the program and its helper: executing a program makes its end
// raise SIGCHLD again, so the helper must have another parent.
int stand_between(void* argument) {
  auto& launch = *static_cast<Launch*>(argument);
  reset_signals();
  const int pid =
      launch.clone(exec_helper, launch.inner_stack, CLONE_VM | CLONE_VFORK | SIGCHLD, argument);
  if (pid < 0) launch.error = errno;
  while (pid > 0 && !launch.detached && launch.error == 0) {
    if (sys::call(SYS_wait4, pid, sys::arg(&launch.status), WNOHANG, 0) != 0) break;
    if (!launch.killed && monotonic_us() > launch.deadline_us) {
      launch.killed = true;
      sys::call(SYS_kill, pid, SIGKILL);
    }
    const timespec pause{0, 500'000};
    sys::call(SYS_nanosleep, sys::arg(&pause), 0);
  }
  sys::call(SYS_exit_group, 0);
  return 0;
}

// Two stacks for children, one above the other.
class Stacks {
 public:
  Stacks()
      : memory_(mmap(nullptr, 2 * kStack_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {}
  ~Stacks() {
    if (ok()) munmap(memory_, 2 * kStack_bytes);
  }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  [[nodiscard]] bool ok() const { return memory_ != MAP_FAILED; }
  // Stacks grow downwards.
  [[nodiscard]] char* inner() const { return static_cast<char*>(memory_) + kStack_bytes; }
  [[nodiscard]] char* outer() const { return static_cast<char*>(memory_) + 2 * kStack_bytes; }

 private:
  void* memory_;
};

// Starts `recshim ARGUMENTS…`, and waits for it unless it is detached. what: as above, for
// the caller to look at.
Status launch(const std::string& path, const std::vector<std::string>& arguments, Launch& what) {
  std::vector<std::string> texts = {"recshim"};
  texts.insert(texts.end(), arguments.begin(), arguments.end());
  auto argv = pointers(texts);
  auto environment = helper_environment();
  auto envp = pointers(environment);
  const Stacks stacks;
  what.clone = libc_clone();
  what.path = path.c_str();
  what.memory_fd = std::max(runtime()->memory->fd(), 3);
  what.argv = argv.data();
  what.envp = envp.data();
  what.inner_stack = stacks.inner();
  // CLONE_VFORK: returns when the child has ended. Exit signal 0: nobody is told of that.
  const int pid =
      stacks.ok() ? what.clone(stand_between, stacks.outer(), CLONE_VM | CLONE_VFORK, &what) : -1;
  if (pid < 0) what.error = stacks.ok() ? errno : ENOMEM;
  if (pid > 0) sys::retry([&] { return sys::call(SYS_wait4, pid, 0, __WCLONE, 0); });
  if (what.error == 0) return {};
  return Error{ErrorCode::kIo, fmt::format("cannot run {}: {}", path, sys::error_text(what.error))};
}

int memory_file() {
  const int fd = static_cast<int>(
      sys::call(SYS_memfd_create, sys::arg("recshim-helper"), 1u /* MFD_CLOEXEC */));
  return fd < 0 ? -1 : sys::move_high(fd);
}

std::string text_of(int fd) {
  char buffer[kComplaint_bytes];
  const ssize_t n = fd >= 0 ? sys::pread(fd, buffer, sizeof buffer, 0) : 0;
  std::string text(buffer, n > 0 ? static_cast<size_t>(n) : 0);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  if (text.starts_with("recshim: ")) text.erase(0, std::strlen("recshim: "));
  return text;
}

}  // namespace

void remember_environment() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    start_environment().emplace_back(*entry);
  }
}

Result<std::string> helper_path() {
  std::string named;
  for (const auto& entry : start_environment()) {
    if (names_variable(entry, control::kGatewayVariable)) {
      named = entry.substr(std::strlen(control::kGatewayVariable) + 1);
    }
  }
  std::vector<std::string> places;
  if (!named.empty()) {
    places.push_back(named);
  } else {
    const std::string& library = runtime()->library_path;
    const std::string folder = library.substr(0, library.rfind('/') + 1);
    // In the build folder; and for lib/, lib/recshim/ and lib/<architecture>/.
    for (const char* from_library : {"recshim", "../bin/recshim", "../../bin/recshim"}) {
      places.push_back(folder + from_library);
    }
  }
  std::string looked;
  for (const auto& place : places) {
    if (sys::call(SYS_faccessat, AT_FDCWD, sys::arg(place.c_str()), X_OK) == 0) return place;
    looked += (looked.empty() ? "" : ", ") + place;
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("the recshim program is not there (looked for {}); set {} to its path",
                           looked, control::kGatewayVariable)};
}

Status run_helper(const std::vector<std::string>& arguments, int timeout_ms) {
  const auto path = helper_path();
  if (!path) return path.error();
  Launch what{};
  what.stderr_fd = memory_file();
  what.deadline_us = monotonic_us() + static_cast<uint64_t>(timeout_ms) * 1000;
  const Status launched = launch(*path, arguments, what);
  const std::string text = text_of(what.stderr_fd);
  if (what.stderr_fd >= 0) sys::close(what.stderr_fd);
  if (!launched) return launched;
  if (what.killed) {
    return Error{ErrorCode::kIo,
                 fmt::format("{} {} did not end in {} ms", *path, arguments[0], timeout_ms)};
  }
  if (WIFEXITED(what.status) && WEXITSTATUS(what.status) == 0) return {};
  return Error{ErrorCode::kIo,
               text.empty() ? fmt::format("{} {} failed", *path, arguments[0]) : text};
}

DetachedHelper::~DetachedHelper() {
  if (stderr_fd_ >= 0) sys::close(stderr_fd_);
}

Status DetachedHelper::start(const std::vector<std::string>& arguments) {
  const auto path = helper_path();
  if (!path) return path.error();
  if (stderr_fd_ < 0) stderr_fd_ = memory_file();
  Launch what{};
  what.stderr_fd = stderr_fd_;
  what.detached = true;
  return launch(*path, arguments, what);
}

std::string DetachedHelper::complaint() const {
  return text_of(stderr_fd_);
}

}  // namespace recshim::runtime
