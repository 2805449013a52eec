/* For linking statically, with glibc or musl: no library can be preloaded into it. Asks over
   plain HTTP for each path given, one connection each, non-blocking or not by turns.

       static_client HOST[=NAME] PORT PATH…

   NAME: what the Host header says instead. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Registered before there is a connection, as some event loops do. */
static int registered(int fd) {
  const int epoll = epoll_create1(0);
  struct epoll_event event = {EPOLLIN | EPOLLOUT, {.fd = fd}};
  if (epoll >= 0) epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  return epoll;
}

static int connected(int fd, const struct addrinfo* address, int nonblocking) {
  const int epoll = registered(fd);
  if (nonblocking) fcntl(fd, F_SETFL, O_NONBLOCK);
  if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
    if (!nonblocking || errno != EINPROGRESS) return -1;
    struct pollfd ready = {fd, POLLOUT, 0};
    int error = 0;
    socklen_t size = sizeof error;
    if (poll(&ready, 1, 10000) != 1) return -1;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -1;
    errno = error;
    if (error != 0) return -1;
  }
  struct epoll_event event;
  if (epoll_wait(epoll, &event, 1, 10000) != 1) printf("epoll does not know the connection\n");
  close(epoll);
  fcntl(fd, F_SETFL, 0);
  /* A second connect(2) says that there is a connection, or once 0 when the first was in progress.
   */
  if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EISCONN) {
    printf("a second connect: %s\n", strerror(errno));
  }
  return 0;
}

static int ask(const char* host, const char* name, const char* port, const char* path,
               int nonblocking) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* list = NULL;
  const int problem = getaddrinfo(host, port, &hints, &list);
  if (problem != 0) {
    printf("lookup of %s failed\n", host);
    return 1;
  }
  const int fd = socket(list->ai_family, SOCK_STREAM, 0);
  if (fd < 0 || connected(fd, list, nonblocking) != 0) {
    printf("connect: %s\n", strerror(errno));
    return 1;
  }
  freeaddrinfo(list);
  dprintf(fd, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, name);
  char buffer[4096];
  ssize_t n = 0;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, (size_t)n, stdout);
  printf("\n== %s: %s\n", path, n < 0 ? strerror(errno) : "end");
  close(fd);
  return 0;
}

int main(int argc, char** argv) {
  int failed = 0;
  char* const equals = strchr(argv[1], '=');
  if (equals != NULL) *equals = '\0';
  const char* const name = equals != NULL ? equals + 1 : argv[1];
  for (int i = 3; i < argc; ++i) failed |= ask(argv[1], name, argv[2], argv[i], i % 2);
  return failed;
}
