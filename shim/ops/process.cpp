// The process's environment, its children and its end.
#include <alloca.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "shim/ops/exec_list.h"
#include "shim/ops/libc.h"
#include "shim/ops/unreached.h"
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

// What is to be executed in the place of `file` with argv: name##_path with name##_argv, and in
// which environment, whose entries change; on the caller's stack as well.
#define RECSHIM_EXECUTION(name, environment, argv, ...)                                           \
  runtime::note_session_use();                                                                    \
  Execution name;                                                                                 \
  look_at_execution(__VA_ARGS__, environment, &name);                                             \
  const size_t name##_size = name.supervised ? supervised_arguments_size(argv) : 0;               \
  auto** name##_arguments = static_cast<char**>(alloca((name##_size + 1) * sizeof(char*)));       \
  if (name.supervised) supervised_arguments(name, argv, name##_arguments);                        \
  char* const* name##_argv = name.supervised ? name##_arguments : (argv);                         \
  auto* name##_preload = static_cast<char*>(alloca(rest_of_preload_size(name, environment) + 1)); \
  if (name.without_library) leave_library_out(environment, name##_preload)

namespace {

// Runs an exec(3) function, which returns only to say that it failed: on the wrapper if there is
// to be one, and on the program itself (null) where that is not there (chroot) or may not be.
template <typename Exec>
int exec_with(const Execution& execution, const Exec& exec) {
  runtime::hand_over_sockets();
  if (execution.supervised) exec(supervising_program());
  if (!execution.supervised || errno == ENOENT || errno == EACCES) exec(nullptr);
  const int error = errno;
  runtime::take_back_sockets();
  return fail(error);
}

}  // namespace

int execv(const char* path, char* const* argv) {
  return execve(path, argv, environ);
}

int execvp(const char* file, char* const* argv) {
  return execvpe(file, argv, environ);
}

int fexecve(int fd, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  RECSHIM_EXECUTION(as, environment, argv, fd);
  return exec_with(as, [&](const char* wrapper) {
    if (wrapper != nullptr) {
      real::execve(wrapper, as_argv, environment);
    } else {
      real::fexecve(fd, argv, environment);
    }
  });
}

int execve(const char* path, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  RECSHIM_EXECUTION(as, environment, argv, path, /*search=*/false);
  return exec_with(as, [&](const char* wrapper) {
    real::execve(wrapper != nullptr ? wrapper : path, wrapper != nullptr ? as_argv : argv,
                 environment);
  });
}

int execvpe(const char* file, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  RECSHIM_EXECUTION(as, environment, argv, file, /*search=*/true);
  return exec_with(as, [&](const char* wrapper) {
    real::execvpe(wrapper != nullptr ? wrapper : file, wrapper != nullptr ? as_argv : argv,
                  environment);
  });
}

// first and what follows it in rest, as an argv on the caller's stack; rest is read up to behind
// the null that ends it.
#define RECSHIM_LISTED(name, first, rest)                                  \
  va_list name##_counted;                                                  \
  va_copy(name##_counted, rest);                                           \
  size_t name##_size = 1;                                                  \
  for (const char* argument = first; argument != nullptr; ++name##_size) { \
    argument = va_arg(name##_counted, const char*);                        \
  }                                                                        \
  va_end(name##_counted);                                                  \
  auto** name = static_cast<char**>(alloca(name##_size * sizeof(char*)));  \
  name[0] = const_cast<char*>(first);                                      \
  for (size_t i = 1; i < name##_size; ++i) name[i] = va_arg(rest, char*)

int execl(const char* path, const char* first, va_list rest) {
  RECSHIM_LISTED(argv, first, rest);
  return execv(path, argv);
}

int execlp(const char* file, const char* first, va_list rest) {
  RECSHIM_LISTED(argv, first, rest);
  return execvp(file, argv);
}

int execle(const char* path, const char* first, va_list rest) {
  RECSHIM_LISTED(argv, first, rest);
  return execve(path, argv, va_arg(rest, char* const*));
}

int posix_spawn(pid_t* pid, const char* path, const posix_spawn_file_actions_t* actions,
                const posix_spawnattr_t* attributes, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  RECSHIM_EXECUTION(as, environment, argv, path, /*search=*/false);
  return real::posix_spawn(pid, as.supervised ? supervising_program() : path, actions, attributes,
                           as_argv, environment);
}

int posix_spawnp(pid_t* pid, const char* file, const posix_spawn_file_actions_t* actions,
                 const posix_spawnattr_t* attributes, char* const* argv, char* const* envp) {
  RECSHIM_ENVIRONMENT(environment, envp);
  RECSHIM_EXECUTION(as, environment, argv, file, /*search=*/true);
  return real::posix_spawnp(pid, as.supervised ? supervising_program() : file, actions, attributes,
                            as_argv, environment);
}

// What they start passes the hooks above.
int system(const char* command) {
  runtime::note_session_use();
  return real::system(command);
}

FILE* popen(const char* command, const char* type) {
  runtime::note_session_use();
  return real::popen(command, type);
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
