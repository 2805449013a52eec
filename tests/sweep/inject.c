// inject MARK N ERRNO|kill COUNT_FILE -- CMD…
//
// Runs CMD and numbers the system calls of its processes that name a path with MARK in it, or are
// given a descriptor of one. The N-th fails with ERRNO (a number) without having been made, or its
// process is killed; N = 0 only counts. How many there were is written to COUNT_FILE. The status is
// CMD's, 128 + n after signal n. For x86-64, where a tracer can turn a call away by its registers.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_0 = 1, PATH_1 = 2, PATH_3 = 4, FD_0 = 8 };

// Where each call has its paths and descriptors. Not close(2), which closes whatever it says.
static int places_of(long number) {
  switch (number) {
    case SYS_open:
    case SYS_stat:
    case SYS_lstat:
    case SYS_access:
    case SYS_unlink:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_chmod:
    case SYS_truncate:
      return PATH_0;
    case SYS_rename:
    case SYS_link:
    case SYS_symlink:
      return PATH_0 | PATH_1;
    case SYS_openat:
    case SYS_newfstatat:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_faccessat:
    case SYS_faccessat2:
    case SYS_utimensat:
    case SYS_statx:
    case SYS_fchmodat:
      return PATH_1;
    case SYS_renameat:
    case SYS_renameat2:
    case SYS_linkat:
      return PATH_1 | PATH_3;
    case SYS_read:
    case SYS_pread64:
    case SYS_write:
    case SYS_pwrite64:
    case SYS_writev:
    case SYS_fstat:
    case SYS_ftruncate:
    case SYS_flock:
    case SYS_fcntl:
    case SYS_lseek:
    case SYS_fsync:
    case SYS_getdents64:
      return FD_0;
    default:
      return 0;
  }
}

static const char* mark;

static int names_mark(pid_t pid, unsigned long address) {
  char text[512];
  size_t size = 0;
  while (size + sizeof(long) < sizeof text) {
    errno = 0;
    const long word = ptrace(PTRACE_PEEKDATA, pid, address + size, 0);
    if (errno != 0) break;
    memcpy(text + size, &word, sizeof word);
    if (memchr(text + size, 0, sizeof word) != NULL) return strstr(text, mark) != NULL;
    size += sizeof word;
  }
  text[size] = 0;
  return strstr(text, mark) != NULL;
}

static int leads_to_mark(pid_t pid, int fd) {
  char link[64];
  char path[512];
  snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size < 0) return 0;
  path[size] = 0;
  return strstr(path, mark) != NULL;
}

static int concerns(pid_t pid, const struct __ptrace_syscall_info* call) {
  const int places = places_of((long)call->entry.nr);
  const uint64_t* const value = call->entry.args;
  return ((places & PATH_0) != 0 && names_mark(pid, value[0])) ||
         ((places & PATH_1) != 0 && names_mark(pid, value[1])) ||
         ((places & PATH_3) != 0 && names_mark(pid, value[3])) ||
         ((places & FD_0) != 0 && leads_to_mark(pid, (int)value[0]));
}

int main(int argc, char** argv) {
  if (argc < 7 || strcmp(argv[5], "--") != 0) {
    fputs("usage: inject MARK N ERRNO|kill COUNT_FILE -- CMD...\n", stderr);
    return 2;
  }
  mark = argv[1];
  const long chosen = atol(argv[2]);
  const int kills = strcmp(argv[3], "kill") == 0;
  const long error = atol(argv[3]);
  const pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    execvp(argv[6], argv + 6);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ptrace(PTRACE_SETOPTIONS, child, 0,
         PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
             PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
  ptrace(PTRACE_SYSCALL, child, 0, 0);

  long count = 0;
  pid_t failing = 0;  // whose call has been turned away
  int ended_with = 127;
  for (;;) {
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) break;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (pid == child) {
        ended_with = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      }
      continue;
    }
    const int signal = WSTOPSIG(status);
    int delivered = 0;
    if (signal == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info call;
      struct user_regs_struct registers;
      if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof call, &call) > 0) {
        if (call.op == PTRACE_SYSCALL_INFO_ENTRY && concerns(pid, &call) && ++count == chosen) {
          if (kills) {
            kill(pid, SIGKILL);
          } else if (ptrace(PTRACE_GETREGS, pid, 0, &registers) == 0) {
            registers.orig_rax = (unsigned long long)-1;
            ptrace(PTRACE_SETREGS, pid, 0, &registers);
            failing = pid;
          }
        } else if (call.op == PTRACE_SYSCALL_INFO_EXIT && pid == failing) {
          failing = 0;
          if (ptrace(PTRACE_GETREGS, pid, 0, &registers) == 0) {
            registers.rax = (unsigned long long)-error;
            ptrace(PTRACE_SETREGS, pid, 0, &registers);
          }
        }
      }
    } else if (signal != SIGTRAP && signal != SIGSTOP) {
      delivered = signal;
    }
    ptrace(PTRACE_SYSCALL, pid, 0, delivered);
  }
  FILE* const file = fopen(argv[4], "w");
  if (file == NULL) return 2;
  fprintf(file, "%ld\n", count);
  fclose(file);
  return ended_with;
}
