/* Waiting for a connection: non-blocking reads, poll, select and epoll. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"

static int dial_nonblocking(void) {
  const int fd = dial();
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return fd;
}

/* Reads what is there until EAGAIN; keeps the count and digest of all of it. */
typedef struct Total {
  size_t bytes;
  uint64_t hash;
  bool ended;
} Total;

static void drain(int fd, Total* total) {
  char buffer[7000];
  for (;;) {
    const ssize_t count = read(fd, buffer, sizeof buffer);
    if (count == -1 && errno == EAGAIN) return;
    if (count <= 0) {
      total->ended = true;
      say_result("drain", count);
      return;
    }
    for (ssize_t i = 0; i < count; ++i) {
      total->hash = (total->hash ^ (unsigned char)buffer[i]) * 1099511628211u;
    }
    total->bytes += (size_t)count;
  }
}

static void say_total(const Total* total) {
  say("%zu bytes, digest %016llx, ended %d", total->bytes, (unsigned long long)total->hash,
      total->ended);
}

void case_nonblocking_read(void) {
  const int fd = dial_nonblocking();
  say_result("read before asking", read(fd, &(char){0}, 1));
  ask(fd, "/close");
  Total total = {0};
  while (!total.ended) drain(fd, &total);
  say_total(&total);
  close(fd);
}

void case_poll_wait(void) {
  const int fd = dial_nonblocking();
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  say_result("idle", poll(&wait, 1, 20));
  wait.events = POLLIN | POLLOUT;
  say_result("writable", poll(&wait, 1, 1000));
  say("events %x", (unsigned)wait.revents);
  ask(fd, "/close");
  Total total = {0};
  wait.events = POLLIN;
  while (!total.ended) {
    const struct timespec limit = {.tv_sec = 10};
    if (ppoll(&wait, 1, &limit, NULL) != 1) give_up("ppoll");
    drain(fd, &total);
  }
  say_total(&total);
  close(fd);
}

void case_select_wait(void) {
  const int fd = dial_nonblocking();
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(fd, &readable);
  struct timeval short_limit = {.tv_usec = 20000};
  say_result("idle", select(fd + 1, &readable, NULL, NULL, &short_limit));
  ask(fd, "/close");
  Total total = {0};
  while (!total.ended) {
    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    const struct timespec limit = {.tv_sec = 10};
    if (pselect(fd + 1, &readable, NULL, NULL, &limit, NULL) != 1) give_up("pselect");
    drain(fd, &total);
  }
  say_total(&total);
  close(fd);
}

static void watch(int poller, int fd, unsigned events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  say_result("epoll_ctl", epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
}

static int next_event(int poller, struct epoll_event* event) {
  const int count = epoll_wait(poller, event, 1, 10000);
  if (count != 1) give_up("epoll_wait");
  return event->data.fd;
}

static void hear_by_epoll(int fd, unsigned extra) {
  const int poller = epoll_create1(0);
  watch(poller, fd, EPOLLIN | extra);
  struct epoll_event event;
  say_result("idle", epoll_wait(poller, &event, 1, 20));
  ask(fd, "/big?bytes=2000000&close");
  Total total = {0};
  while (!total.ended) {
    next_event(poller, &event);
    drain(fd, &total);
  }
  say_total(&total);
  say_result("epoll_ctl del", epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL));
  close(poller);
  close(fd);
}

void case_epoll_level(void) {
  hear_by_epoll(dial_nonblocking(), 0);
}
void case_epoll_edge(void) {
  hear_by_epoll(dial_nonblocking(), EPOLLET | EPOLLRDHUP);
}

void case_epoll_before_connect(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int poller = epoll_create1(0);
  watch(poller, fd, EPOLLIN | EPOLLOUT | EPOLLET);
  struct epoll_event event;
  /* An unconnected socket reports a hang-up once. */
  say_result("unconnected", epoll_wait(poller, &event, 1, 20));
  const struct sockaddr_in address = server_address();
  const int result = connect(fd, (const struct sockaddr*)&address, sizeof address);
  say("connect: %s", result == 0 || errno == EINPROGRESS ? "under way" : strerrorname_np(errno));
  do {
    next_event(poller, &event);
  } while ((event.events & EPOLLOUT) == 0);
  say("writable, error %d", (event.events & EPOLLERR) != 0);
  ask(fd, "/close");
  Total total = {0};
  while (!total.ended) {
    do {
      next_event(poller, &event);
    } while ((event.events & EPOLLIN) == 0);
    drain(fd, &total);
  }
  say_total(&total);
  close(fd);
}

void case_epoll_two_connections(void) {
  const int poller = epoll_create1(0);
  int fds[2];
  Total totals[2] = {{0}, {0}};
  for (int i = 0; i < 2; ++i) {
    fds[i] = dial_nonblocking();
    watch(poller, fds[i], EPOLLIN | EPOLLONESHOT);
  }
  ask(fds[0], "/big?bytes=900000&close");
  ask(fds[1], "/big?bytes=700000&close");
  while (!totals[0].ended || !totals[1].ended) {
    struct epoll_event event;
    const int fd = next_event(poller, &event);
    const int which = fd == fds[0] ? 0 : 1;
    drain(fd, &totals[which]);
    event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd};
    epoll_ctl(poller, totals[which].ended ? EPOLL_CTL_DEL : EPOLL_CTL_MOD, fd, &event);
  }
  say_total(&totals[0]);
  say_total(&totals[1]);
}
