/* Connecting, names, options and ends of a connection. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"

static int say_error_option(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  say_result("SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size));
  say("error %d", error);
  return error;
}

void case_shutdown_write_then_eof(void) {
  const int fd = dial();
  ask(fd, "/close");
  say_result("shutdown", shutdown(fd, SHUT_WR));
  signal(SIGPIPE, SIG_IGN);
  say_result("write after it", write(fd, "x", 1));
  hear(fd, read);
  say_result("read at the end", read(fd, &(char){0}, 1));
  say_result("read at the end", read(fd, &(char){0}, 1));
  close(fd);
}

void case_shutdown_both(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  say_result("shutdown", shutdown(fd, SHUT_RDWR));
  say_result("read", read(fd, &(char){0}, 1));
  say_result("send", send(fd, "x", 1, MSG_NOSIGNAL));
  close(fd);
  say_result("shutdown of a closed one", shutdown(fd, SHUT_RDWR));
}

void case_server_closes(void) {
  const int fd = dial();
  ask(fd, "/close");
  hear(fd, read);
  struct pollfd wait = {.fd = fd, .events = POLLIN | POLLRDHUP};
  say_result("poll", poll(&wait, 1, 10000));
  say("events %x", (unsigned)wait.revents);
  say_result("read", read(fd, &(char){0}, 1));
  close(fd);
}

void case_until_close(void) {
  const int fd = dial();
  exchange(fd, "/until-close");
  say_result("read", read(fd, &(char){0}, 1));
  close(fd);
}

void case_pipelined(void) {
  const int fd = dial();
  char requests[512];
  const int size = snprintf(requests, sizeof requests,
                            "GET /hello?1 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                            "GET /chunked?2 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"
                            "GET /hello?3 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
                            g_port, g_port, g_port);
  put_all(fd, write, requests, (size_t)size);
  /* One byte a call: a reply's reader must not take from the next. */
  hear(fd, get_stdio_read);
  hear(fd, get_stdio_read);
  hear(fd, get_stdio_read);
  close(fd);
}

void case_half_request_then_rest(void) {
  const int fd = dial();
  const char* parts[] = {"GE", "T /hello HT", "TP/1.1\r\nHost: 127.0.0.1\r\n", "\r", "\n"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; ++i) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    say_result("nothing to read yet", poll(&wait, 1, 5));
    put_all(fd, write, parts[i], strlen(parts[i]));
  }
  hear(fd, read);
  close(fd);
}

void case_second_connect(void) {
  const int fd = dial();
  const struct sockaddr_in address = server_address();
  say_result("connect again", connect(fd, (const struct sockaddr*)&address, sizeof address));
  exchange(fd, "/hello");
  say_result("connect again", connect(fd, (const struct sockaddr*)&address, sizeof address));
  close(fd);
}

void case_connect_nonblocking(void) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const struct sockaddr_in address = server_address();
  const int result = connect(fd, (const struct sockaddr*)&address, sizeof address);
  say("connect: %s", result == 0 || errno == EINPROGRESS ? "under way" : strerrorname_np(errno));
  struct pollfd wait = {.fd = fd, .events = POLLOUT};
  say_result("poll", poll(&wait, 1, 10000));
  say("events %x", (unsigned)wait.revents);
  say_error_option(fd);
  /* Some programs ask connect() itself whether it is done. */
  const int again = connect(fd, (const struct sockaddr*)&address, sizeof address);
  say("connect again: %s", again == 0 || errno == EISCONN ? "connected" : strerrorname_np(errno));
  say_result("read before asking", read(fd, &(char){0}, 1));
  exchange(fd, "/hello");
  close(fd);
}

void case_connect_errors(void) {
  const struct sockaddr_in address = server_address();
  const struct sockaddr* any = (const struct sockaddr*)&address;
  say_result("closed fd", connect(999, any, sizeof address));
  say_result("a file", connect(0, any, sizeof address) == -1 ? -2 : 0);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("short address", connect(fd, any, 4));
  const struct sockaddr_un local = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/socket"};
  say_result("wrong family", connect(fd, (const struct sockaddr*)&local, sizeof local));
  close(fd);
  fd = socket(AF_UNIX, SOCK_STREAM, 0);
  say_result("unix, nobody there", connect(fd, (const struct sockaddr*)&local, sizeof local));
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("write unconnected", send(fd, "x", 1, MSG_NOSIGNAL));
  say_result("read unconnected", read(fd, &(char){0}, 1));
  socklen_t size = 0;
  say_result("getpeername unconnected", getpeername(fd, &(struct sockaddr){0}, &size));
  say_result("connect after all", connect(fd, any, sizeof address));
  exchange(fd, "/hello");
  close(fd);
}

static void say_all_with_address(const char* where, const void* address) {
  say("%s", where);
  const struct sockaddr* any = address;
  const socklen_t size = sizeof(struct sockaddr_in);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("connect", connect(fd, any, size));
  say_result("connect again", connect(fd, any, size));
  close(fd);
  fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("fast open", sendto(fd, "", 0, MSG_FASTOPEN | MSG_NOSIGNAL, any, size));
  close(fd);
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  say_result("connect a datagram's", connect(fd, any, size));
  struct iovec part = {"q", 1};
  struct mmsghdr message = {.msg_hdr = {
                                .msg_name = (void*)address,
                                .msg_namelen = size,
                                .msg_iov = &part,
                                .msg_iovlen = 1,
                            }};
  say_result("sendto", sendto(fd, "q", 1, 0, any, size));
  say_result("sendmsg", sendmsg(fd, &message.msg_hdr, 0));
  say_result("sendmmsg", sendmmsg(fd, &message, 1, 0));
  close(fd);
}

/* What the kernel can't read it says EFAULT to, and the program lives. */
void case_address_out_of_reach(void) {
  const struct sockaddr_in address = server_address();
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char* const memory =
      mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory + page, page, PROT_NONE) != 0) give_up("mmap");
  say_all_with_address("no memory", (const void*)8);
  say_all_with_address("the last memory", (const void*)-8);
  say_all_with_address("behind the end", memory + page);
  for (size_t missing = 2; missing < sizeof address; missing += 6) {
    char* const at = memory + page - sizeof address + missing;
    memcpy(at, &address, sizeof address - missing);
    say_all_with_address("in part", at);
  }
  char* const whole = memory + page - sizeof address;
  memcpy(whole, &address, sizeof address);
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("just before the end", connect(fd, (const struct sockaddr*)whole, sizeof address));
  exchange(fd, "/hello");
  say_result("connected already", connect(fd, (const void*)8, sizeof address));
  exchange(fd, "/hello");
  close(fd);
  /* Nothing of the signals changed. */
  sigset_t mask;
  sigprocmask(SIG_BLOCK, NULL, &mask);
  say("blocked %d", sigismember(&mask, SIGUSR1));
  munmap(memory, 2 * page);
}

void case_names_of_socket(void) {
  const int fd = dial();
  const struct sockaddr_in asked = server_address();
  for (int round = 0; round < 2; ++round) {
    struct sockaddr_in peer;
    socklen_t size = sizeof peer;
    memset(&peer, 0xff, sizeof peer);
    say_result("getpeername", getpeername(fd, (struct sockaddr*)&peer, &size));
    say("size %u, same address %d, same port %d", size,
        peer.sin_addr.s_addr == asked.sin_addr.s_addr, peer.sin_port == asked.sin_port);
    struct sockaddr_in own;
    size = sizeof own;
    say_result("getsockname", getsockname(fd, (struct sockaddr*)&own, &size));
    say("size %u, family %d, has a port %d", size, own.sin_family, own.sin_port != 0);
    exchange(fd, "/hello");
  }
  struct sockaddr_in small = {0};
  socklen_t size = 4;
  say_result("getpeername with little room", getpeername(fd, (struct sockaddr*)&small, &size));
  say("size told %u, port written %d", size, small.sin_port == asked.sin_port);
  say_result("getpeername without room", getpeername(fd, NULL, NULL));
  close(fd);
  say_result("getpeername of a closed one", getpeername(fd, (struct sockaddr*)&small, &size));
  const Channel own = loopback_channel();
  size = sizeof small;
  say_result("getpeername of an own one", getpeername(own.in, (struct sockaddr*)&small, &size));
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  say_result("getpeername of a pipe", getpeername(ends[0], (struct sockaddr*)&small, &size));
}

static void say_option(int fd, const char* name, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  const int result = getsockopt(fd, level, option, &value, &size);
  if (result == -1) {
    say_result(name, -1);
  } else {
    say("%s: %d, size %u", name, value, size);
  }
}

static void set_option(int fd, const char* name, int level, int option) {
  const int on = 1;
  say_result(name, setsockopt(fd, level, option, &on, sizeof on));
  int value = -1;
  socklen_t size = sizeof value;
  say_result(name, getsockopt(fd, level, option, &value, &size));
  say("%s is on: %d", name, value > 0);
}

void case_socket_options(void) {
  const int fd = dial();
  say_option(fd, "SO_TYPE", SOL_SOCKET, SO_TYPE);
  say_option(fd, "SO_DOMAIN", SOL_SOCKET, SO_DOMAIN);
  say_option(fd, "SO_PROTOCOL", SOL_SOCKET, SO_PROTOCOL);
  say_option(fd, "SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN);
  say_option(fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
  set_option(fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
  set_option(fd, "SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE);
  set_option(fd, "TCP_KEEPIDLE", IPPROTO_TCP, TCP_KEEPIDLE);
  set_option(fd, "TCP_KEEPINTVL", IPPROTO_TCP, TCP_KEEPINTVL);
  say_error_option(fd);
  exchange(fd, "/hello");
  say_option(fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
  say_option(fd, "no such option", SOL_SOCKET, 9999);
  say_result("set no such option", setsockopt(fd, SOL_SOCKET, 9999, &(int){1}, sizeof(int)));
  close(fd);
  say_option(fd, "of a closed one", SOL_SOCKET, SO_TYPE);
  say_option(1, "of stdout", SOL_SOCKET, SO_TYPE);
}

void case_tcp_info(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  struct tcp_info info;
  memset(&info, 0, sizeof info);
  socklen_t size = sizeof info;
  say_result("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
  say("established: %d", info.tcpi_state == TCP_ESTABLISHED);
  close(fd);
}

void case_fionread(void) {
  const int fd = dial();
  int available = -1;
  say_result("FIONREAD", ioctl(fd, FIONREAD, &available));
  say("available %d", available);
  ask(fd, "/hello");
  struct pollfd wait = {.fd = fd, .events = POLLIN};
  say_result("poll", poll(&wait, 1, 10000));
  say_result("FIONREAD", ioctl(fd, FIONREAD, &available));
  say("something is available: %d", available > 0);
  hear(fd, read);
  say_result("FIONREAD", ioctl(fd, FIONREAD, &available));
  say("available %d", available);
  say_result("FIONBIO", ioctl(fd, FIONBIO, &(int){1}));
  say_result("read", read(fd, &(char){0}, 1));
  close(fd);
  say_result("FIONREAD of a closed one", ioctl(fd, FIONREAD, &available));
  int ends[2];
  if (pipe(ends) != 0 || write(ends[1], "abc", 3) != 3) give_up("pipe");
  say_result("FIONREAD of a pipe", ioctl(ends[0], FIONREAD, &available));
  say("available %d", available);
}

void case_receive_timeout(void) {
  const int fd = dial();
  const struct timeval limit = {.tv_usec = 120000};
  say_result("SO_RCVTIMEO", setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit));
  struct timeval got = {0};
  socklen_t size = sizeof got;
  say_result("SO_RCVTIMEO", getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &got, &size));
  say("set: %d", got.tv_sec == 0 && got.tv_usec > 100000 && got.tv_usec < 140000);
  struct timespec before;
  struct timespec after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  say_result("read", read(fd, &(char){0}, 1));
  clock_gettime(CLOCK_MONOTONIC, &after);
  const double seconds =
      (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
  say("waited: %d", seconds > 0.1 && seconds < 5);
  exchange(fd, "/hello");
  exchange(fd, "/big?bytes=500000");
  close(fd);
}

void case_mapped_ipv6(void) {
  const int fd = socket(AF_INET6, SOCK_STREAM, 0);
  if (fd < 0) give_up("socket");
  struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)g_port)};
  inet_pton(AF_INET6, "::ffff:127.0.0.1", &address.sin6_addr);
  say_result("connect", connect(fd, (const struct sockaddr*)&address, sizeof address));
  struct sockaddr_in6 peer;
  socklen_t size = sizeof peer;
  say_result("getpeername", getpeername(fd, (struct sockaddr*)&peer, &size));
  say("size %u, family %d, same address %d, same port %d", size, peer.sin6_family,
      memcmp(&peer.sin6_addr, &address.sin6_addr, 16) == 0, peer.sin6_port == address.sin6_port);
  exchange(fd, "/hello");
  close(fd);
}

void case_connect_in_parts(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  say_result("TCP_NODELAY early", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
  const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)};
  say_result("bind", bind(fd, (const struct sockaddr*)&local, sizeof local));
  const struct sockaddr_in address = server_address();
  say_result("connect", connect(fd, (const struct sockaddr*)&address, sizeof address));
  say_option(fd, "TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY);
  exchange(fd, "/hello");
  const struct sockaddr none = {.sa_family = AF_UNSPEC};
  say_result("disconnect", connect(fd, &none, sizeof none));
  say("read: %d", (int)read(fd, &(char){0}, 1)); /* over TCP, ECONNRESET once */
  say_result("connect anew", connect(fd, (const struct sockaddr*)&address, sizeof address));
  exchange(fd, "/chunked");
  close(fd);
}

/* A server on another port of a host that is configured. */
void case_bind_by_name(void) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* found = NULL;
  if (getaddrinfo("localhost", NULL, &hints, &found) != 0) give_up("getaddrinfo");
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  say_result("bind", bind(server, found->ai_addr, found->ai_addrlen));
  freeaddrinfo(found);
  say_result("listen", listen(server, 1));
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  getsockname(server, (struct sockaddr*)&address, &size);
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  say_result("connect", connect(client, (struct sockaddr*)&address, size));
  const int accepted = accept(server, NULL, NULL);
  say_result("write", write(client, "x", 1));
  say_result("read", read(accepted, &(char){0}, 1));
  close(accepted);
  close(client);
  close(server);
  fresh_exchange("/hello");
}
