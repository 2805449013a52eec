// The process's environment, its children and its end.
#include <alloca.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/ops/libc.h"
#include "shim/runtime/exec_handover.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/inherited.h"
#include "shim/runtime/start.h"
#include "shim/runtime/test_id.h"

namespace recshim::ops {

// An environment for exec(2) in which the session's variables are as we would have them,
// on the caller's stack: a child of vfork(2) must not allocate. Shells hand on the
// environment they were started with, not the one our constructor made.
#define RECSHIM_ENVIRONMENT(name, envp)                                   \
  const size_t name##_size = runtime::inherited_environment_size(envp);   \
  auto** name = static_cast<char**>(alloca(name##_size * sizeof(char*))); \
  runtime::inherited_environment(envp, name)

int setenv(const char* name, const char* value, int overwrite) {
  const bool kept = overwrite == 0 && name != nullptr && std::getenv(name) != nullptr;
  const int result = real::setenv(name, value, overwrite);
  if (result == 0 && !kept) runtime::note_variable(name, value);
  return result;
}

int putenv(char* text) {
  const int result = real::putenv(text);
  if (result != 0 || text == nullptr) return result;
  const char* equals = std::strchr(text, '=');
  runtime::note_variable(text, equals != nullptr ? equals + 1 : nullptr);
  return result;
}

int unsetenv(const char* name) {
  const int result = real::unsetenv(name);
  if (result == 0) runtime::note_variable(name, nullptr);
  return result;
}

int clearenv() {
  const int result = real::clearenv();
  if (result == 0) runtime::note_environment_cleared();
  return result;
}

namespace {

// Runs an exec(3) function, which returns only to say that it failed.
template <typename Exec>
int exec_with(const Exec& exec) {
  runtime::hand_over_sockets();
  exec();
  const int error = errno;
  runtime::take_back_sockets();
  return fail(error);
}

}  // namespace

int execv(const char* path, char* const* argv) {
  return exec_with([&] { real::execv(path, argv); });
}

int execvp(const char* file, char* const* argv) {
  return exec_with([&] { real::execvp(file, argv); });
}

int fexecve(int fd, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  return exec_with([&] { real::fexecve(fd, argv, environment); });
}

int execve(const char* path, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  return exec_with([&] { real::execve(path, argv, environment); });
}

int execvpe(const char* file, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  return exec_with([&] { real::execvpe(file, argv, environment); });
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  return real::posix_spawn(pid, path, actions, attributes, argv, environment);
}

int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  return real::posix_spawnp(pid, file, actions, attributes, argv, environment);
}

void _exit(int status) {
  if (!runtime::in_own_work()) runtime::finish();
  real::_exit(status);
}

void _Exit(int status) {
  if (!runtime::in_own_work()) runtime::finish();
  real::_Exit(status);
}

}  // namespace recshim::ops
