/* What a program does with descriptors: duplicates, closes, counts and hands-out numbers. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpose.h"

/* The connection goes on under copy when fd is gone. */
static void use_copy(const char* how, int fd, int copy) {
  say("%s: copy %s", how, copy >= 0 ? "made" : strerrorname_np(errno));
  if (copy < 0) return;
  say("%s: close-on-exec %d", how, (fcntl(copy, F_GETFD) & FD_CLOEXEC) != 0);
  exchange(copy, "/hello");
  exchange(fd, "/chunked");
  ask(fd, "/hello?asked=by-first");
  say_result("close first", close(fd));
  hear(copy, read);
  exchange(copy, "/chunked?alone");
  say_result("close copy", close(copy));
  say_result("read after close", read(copy, &(char){0}, 1));
}

void case_dup(void) {
  const int fd = dial();
  use_copy("dup", fd, dup(fd));
}

void case_dup2(void) {
  int fd = dial();
  use_copy("dup2", fd, dup2(fd, 50));
  fd = dial();
  say("dup2 onto itself: %s", dup2(fd, fd) == fd ? "same" : "other");
  exchange(fd, "/hello?same");
  close(fd);
  say_result("dup2 of a closed one", dup2(fd, 51));
}

void case_dup3(void) {
  const int fd = dial();
  use_copy("dup3", fd, dup3(fd, 50, O_CLOEXEC));
  say_result("dup3 onto itself", dup3(0, 0, 0));
}

void case_dup_onto_handled(void) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  const int fd = dial();
  exchange(fd, "/hello");
  /* The number now means a pipe, and must be one. */
  say("dup2: %s", dup2(ends[1], fd) == fd ? "done" : strerrorname_np(errno));
  say_result("write", write(fd, "plain", 5));
  char got[8] = {0};
  say_result("read", read(ends[0], got, sizeof got));
  say("got %s", got);
  const int other = dial();
  exchange(other, "/chunked");
  say("dup3: %s", dup3(ends[0], other, 0) == other ? "done" : strerrorname_np(errno));
  say_result("write to the reading end", write(other, "x", 1));
}

void case_fcntl_dupfd(void) {
  int fd = dial();
  use_copy("F_DUPFD", fd, fcntl(fd, F_DUPFD, 40));
  fd = dial();
  use_copy("F_DUPFD_CLOEXEC", fd, fcntl(fd, F_DUPFD_CLOEXEC, 40));
  say_result("F_DUPFD of a closed one", fcntl(fd, F_DUPFD, 40));
  say_result("F_DUPFD beyond the limit", fcntl(0, F_DUPFD, 1 << 30));
}

void case_syscall_dup(void) {
  int fd = dial();
  use_copy("SYS_dup", fd, (int)syscall(SYS_dup, fd));
  fd = dial();
  use_copy("SYS_dup3", fd, (int)syscall(SYS_dup3, fd, 60, 0));
  fd = dial();
  use_copy("SYS_fcntl", fd, (int)syscall(SYS_fcntl, fd, F_DUPFD, 44));
}

/* fd's number, closed, serves other things and then a connection again. */
static void reuse_number(int fd) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  say("number reused: %s", ends[0] == fd || ends[1] == fd ? "yes" : "no");
  say_result("write to the pipe", write(ends[1], "pipe", 4));
  char got[8] = {0};
  say_result("read from the pipe", read(ends[0], got, sizeof got));
  close(ends[0]);
  close(ends[1]);
  fresh_exchange("/hello?again");
}

void case_close_then_reuse(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  ask(fd, "/chunked");
  struct pollfd arrived = {.fd = fd, .events = POLLIN};
  poll(&arrived, 1, 5000); /* closed before a reply came, it would be no recording */
  say_result("close with a reply unread", close(fd));
  say_result("close again", close(fd));
  reuse_number(fd);
}

void case_close_by_syscall(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  say_result("SYS_close", syscall(SYS_close, fd));
  say_result("SYS_close again", syscall(SYS_close, fd));
  reuse_number(fd);
}

static void works_after(const char* what) {
  say("%s: next number %d", what, dup(1));
  fresh_exchange("/hello?after");
  fresh_exchange("/chunked?after");
}

void case_close_range_all(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  say_result("close_range", close_range(3, ~0u, 0));
  works_after("close_range");
  say_result("SYS_close_range", syscall(SYS_close_range, 3, ~0u, 0));
  works_after("SYS_close_range");
  say_result("close_range of nothing", close_range(9, 3, 0));
}

void case_closefrom_all(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  closefrom(3);
  works_after("closefrom");
}

void case_close_every_number(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) give_up("getrlimit");
  const int end = limit.rlim_cur < 70000 ? (int)limit.rlim_cur : 70000;
  int closed = 0;
  for (int number = 3; number < end; ++number) closed += close(number) == 0;
  say("closed %d", closed);
  works_after("loop");
}

static void say_lowest(const char* when) {
  const int number = dup(1);
  say("lowest free number %s: %d", when, number);
  close(number);
}

void case_fd_numbers(void) {
  say_lowest("at start");
  const int first = dial();
  const int second = dial();
  say("sockets %d and %d", first, second);
  say_lowest("with two connections");
  exchange(first, "/hello");
  ask(second, "/big?bytes=3000000");
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  say("epoll %d, pipe %d %d", poller, ends[0], ends[1]);
  hear(second, read);
  close(first);
  say_lowest("after a close");
  const int third = dial();
  exchange(third, "/chunked");
  say("third connection %d", third);
}

void case_file_ops(void) {
  const int fd = dial();
  struct stat status;
  say_result("fstat", fstat(fd, &status));
  say("is a socket: %d", S_ISSOCK(status.st_mode));
  say_result("lseek", lseek(fd, 0, SEEK_CUR));
  say_result("pread", pread(fd, &(char){0}, 1, 0));
  say_result("read into nothing", read(fd, NULL, 0));
  say_result("write of nothing", write(fd, "", 0));
  say_result("flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
  say_result("set flags", fcntl(fd, F_SETFL, O_NONBLOCK));
  say_result("flags", fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
  say_result("isatty", isatty(fd));
  exchange(fd, "/hello");
}
