/* execute FUNCTION PROGRAM ARG…: executes PROGRAM with these as its arguments, the first
 * being its name for itself. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static int wait_for(int error, pid_t pid) {
  int status = 0;
  if (error != 0 || waitpid(pid, &status, 0) != pid) return error != 0 ? error : errno;
  return WEXITSTATUS(status);
}

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const char* function = argv[1];
  const char* program = argv[2];
  char** arguments = argv + 3;
  pid_t pid = 0;
  if (strcmp(function, "execv") == 0) execv(program, arguments);
  if (strcmp(function, "execvp") == 0) execvp(program, arguments);
  if (strcmp(function, "execve") == 0) execve(program, arguments, environ);
  if (strcmp(function, "execvpe") == 0) execvpe(program, arguments, environ);
  char** const a = arguments;
  if (strcmp(function, "execl") == 0) execl(program, a[0], a[1], a[2], NULL);
  if (strcmp(function, "execlp") == 0) execlp(program, a[0], a[1], a[2], NULL);
  if (strcmp(function, "execle") == 0) execle(program, a[0], a[1], a[2], NULL, environ);
  if (strcmp(function, "bare_execve") == 0) execve(program, arguments, (char*[]){NULL});
  if (strcmp(function, "fexecve") == 0) {
    fexecve(open(program, O_RDONLY | O_CLOEXEC), arguments, environ);
  }
  if (strcmp(function, "posix_spawn") == 0) {
    return wait_for(posix_spawn(&pid, program, NULL, NULL, arguments, environ), pid);
  }
  if (strcmp(function, "posix_spawnp") == 0) {
    return wait_for(posix_spawnp(&pid, program, NULL, NULL, arguments, environ), pid);
  }
  if (strcmp(function, "vfork") == 0) {
    pid = vfork();
    if (pid == 0) {
      execve(program, arguments, environ);
      _exit(errno);
    }
    return wait_for(0, pid);
  }
  printf("%s: %s\n", function, strerror(errno));
  return 1;
}
