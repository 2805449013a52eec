/* Other processes: fork, vfork, exec, spawn; ends of a process; its environment; and what a
 * program without configured traffic must not notice. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interpose.h"

extern char** environ;

static pid_t fork_or_leave(void) {
  fflush(stdout);
  const pid_t pid = fork();
  if (pid < 0) give_up("fork");
  return pid;
}

static void leave_child(void) {
  fflush(stdout);
  _exit(0);
}

void case_fork_child_then_parent(void) {
  const int fd = dial();
  exchange(fd, "/hello?before");
  const pid_t pid = fork_or_leave();
  if (pid == 0) {
    exchange(fd, "/chunked?child");
    close(fd);
    leave_child();
  }
  say_exit("child", pid);
  exchange(fd, "/hello?parent");
  close(fd);
  /* The other way round: the parent goes on, the child only closes its copy. */
  const int other = dial();
  const pid_t closer = fork_or_leave();
  if (closer == 0) {
    close(other);
    leave_child();
  }
  say_exit("closer", closer);
  exchange(other, "/hello?after-close");
  close(other);
}

void case_fork_both_dial(void) {
  const pid_t pid = fork_or_leave();
  if (pid == 0) {
    freopen("/dev/null", "w", stdout);
    for (int i = 0; i < 3; ++i) fresh_exchange("/hello?child");
    leave_child();
  }
  for (int i = 0; i < 3; ++i) fresh_exchange("/chunked?parent");
  say_exit("child", pid);
}

void case_fork_many(void) {
  for (int i = 0; i < 8; ++i) {
    const pid_t pid = fork_or_leave();
    if (pid == 0) {
      char path[32];
      snprintf(path, sizeof path, "/hello?child=%d", i);
      fresh_exchange(path);
      leave_child();
    }
    say_exit("child", pid);
  }
}

void case_vfork_exec(void) {
  const int fd = dial();
  exchange(fd, "/hello?before");
  for (int i = 0; i < 2; ++i) {
    fflush(stdout);
    char** argv = again_argv("main", "again.exchange", NULL);
    const pid_t pid = vfork();
    if (pid < 0) give_up("vfork");
    if (pid == 0) {
      /* What launchers do in the child: it must not reach the parent's descriptors. */
      close(fd);
      dup2(2, 2);
      close_range(3, ~0u, 0);
      execv(argv[0], argv);
      _exit(9);
    }
    say_exit("child", pid);
    exchange(fd, "/hello?after");
  }
  close(fd);
}

void case_spawn(void) {
  const int fd = dial();
  exchange(fd, "/hello?before");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addclose(&actions, fd);
  fflush(stdout);
  pid_t pid = 0;
  const int result = posix_spawn(&pid, g_program, &actions, NULL,
                                 again_argv("main", "again.exchange", NULL), environ);
  say_exit("child", pid); /* before a line of our own could mix with the child's */
  say("posix_spawn: %d", result);
  say("no such program: %d", posix_spawn(&pid, "/nonexistent", NULL, NULL,
                                         again_argv("main", "again.exchange", NULL), environ));
  exchange(fd, "/hello?after");
  close(fd);
}

void case_system_and_popen(void) {
  char command[4096];
  snprintf(command, sizeof command, "'%s' %d main again.exchange", g_program, g_port);
  fflush(stdout);
  say("system: %d", system(command));
  FILE* output = popen(command, "r");
  if (output == NULL) give_up("popen");
  char line[512];
  while (fgets(line, sizeof line, output) != NULL) printf("popen: %s", line);
  say("pclose: %d", pclose(output));
}

static void exec_with(int fd, const char* name) {
  char number[16];
  snprintf(number, sizeof number, "%d", fd);
  exec_again("main", name, number);
}

void case_exec_before_request(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  exec_with(fd, "again.ask_and_hear");
}

void case_exec_before_reply(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  ask(fd, "/chunked?heard-after-exec");
  if (strcmp(mode_name(), "record") == 0) {
    hear(fd, read); /* a recording does not span an exec(2) within one exchange */
  } else {
    exec_with(fd, "again.hear");
  }
}

static void at_exit(void) {
  fresh_exchange("/hello?atexit");
}

void case_atexit_exchange(void) {
  atexit(at_exit);
  fresh_exchange("/chunked");
}

static int count_entries(const char* path) {
  DIR* folder = opendir(path);
  if (folder == NULL) give_up(path);
  int count = 0;
  while (readdir(folder) != NULL) ++count;
  closedir(folder);
  return count;
}

/* Descriptors but for the one of the session's memory, which lies out of the program's way. */
static int count_files(void) {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == NULL) give_up("/proc/self/fd");
  int count = 0;
  int out_of_the_way = 0;
  for (struct dirent* entry; (entry = readdir(folder)) != NULL;) {
    if (atoi(entry->d_name) < 500) {
      ++count;
    } else {
      ++out_of_the_way;
    }
  }
  closedir(folder);
  return out_of_the_way <= 1 ? count : count + out_of_the_way;
}

/* Counts as the loader left them, before main. */
static int early_files;
static int early_tasks;
__attribute__((constructor)) static void count_early(int argc, char** argv, char** environment) {
  (void)environment;
  if (argc < 4 || strcmp(argv[3], "quiet") != 0) return;
  early_files = count_files();
  early_tasks = count_entries("/proc/self/task");
}

static void say_counts(const char* when) {
  say("%s: %d files, %d tasks", when, count_files(), count_entries("/proc/self/task"));
}

void case_quiet(void) {
  say("in a constructor: %d files, %d tasks", early_files, early_tasks);
  say_counts("at start");
  const Channel own = loopback_channel();
  say_result("write", write(own.in, "hello", 5));
  char got[8];
  say_result("read", read(own.out, got, sizeof got));
  close(own.in);
  close(own.out);
  const struct addrinfo numeric = {.ai_flags = AI_NUMERICHOST};
  struct addrinfo* found = NULL;
  say("getaddrinfo: %d", getaddrinfo("127.0.0.1", "9", &numeric, &found));
  freeaddrinfo(found);
  const pid_t pid = fork_or_leave();
  if (pid == 0) {
    say_counts("child");
    leave_child();
  }
  say_exit("child", pid);
  say_counts("at the end");
  /* Nothing may be left on descriptor 2 either: run_case.py looks. */
}

/* Which test each exchange was filed under is read from the recordings by run_case.py. */
void case_setenv_test_id(void) {
  fresh_exchange("/hello?none");
  setenv("RECSHIM_TEST_ID", "by-setenv", 1);
  fresh_exchange("/hello?by-setenv");
  setenv("RECSHIM_TEST_ID", "not-overwritten", 0);
  fresh_exchange("/hello?kept");
  static char assignment[] = "RECSHIM_TEST_ID=by-putenv";
  putenv(assignment);
  fresh_exchange("/hello?by-putenv");
  unsetenv("RECSHIM_TEST_ID");
  setenv("PYTEST_CURRENT_TEST", "tests/test_a.py::test_one[x y] (call)", 1);
  fresh_exchange("/hello?by-pytest");
  setenv("RECSHIM_TEST_ID", "wins", 1);
  fresh_exchange("/hello?wins");
  unsetenv("RECSHIM_TEST_ID");
  unsetenv("PYTEST_CURRENT_TEST");
  fresh_exchange("/hello?none-again");
  say_result("bad name", setenv("A=B", "x", 1));
  say_result("empty name", unsetenv(""));
  setenv("RECSHIM_TEST_ID", "cleared", 1);
  clearenv();
  fresh_exchange("/hello?cleared");
  putenv("RECSHIM_TEST_ID");
  say("getenv after it: %s", getenv("RECSHIM_TEST_ID") == NULL ? "null" : "set");
}

void case_clearenv_keeps_working(void) {
  fresh_exchange("/hello");
  clearenv();
  fresh_exchange("/chunked");
  setenv("RECSHIM_MODE", "live", 1); /* too late to matter */
  fresh_exchange("/hello?2");
}

void case_shells(void) {
  fflush(stdout);
  say_result("system", system("exit 3") >> 8);
  FILE* shell = popen("echo from a shell", "r");
  if (shell == NULL) give_up("popen");
  char line[64] = "";
  fgets(line, sizeof line, shell);
  say("popen: %s", line);
  say_result("pclose", pclose(shell));
  fresh_exchange("/hello");
}
