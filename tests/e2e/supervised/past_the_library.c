/* Asks over plain HTTP by ways that a preloaded library does not see, though it is in this program:

       past_the_library WAY HOST PORT PATH

   inline     system calls of its own making, as Rust's rustix makes them
   fast-open  the same, the connection opened by the first bytes (RFC 7413)
   clone      the same, in a child that libc knows nothing of
   namespace  a second libc, loaded by dlmopen(3)
   ring       io_uring(7) */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/sched.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long kernel(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#endif
}

static char request[1024], reply[65536];
static size_t request_size;

static int show(size_t size) {
  reply[size] = 0;
  const char* body = strstr(reply, "\r\n\r\n");
  printf("%.12s %s\n", reply, body != NULL ? body + 4 : "nothing");
  fflush(stdout);
  return body == NULL;
}

static int give_up(const char* what, long error) {
  printf("%s: %s\n", what, strerror((int)error));
  return 1;
}

static int ask_inline(const struct addrinfo* to, int fast_open) {
  const long fd = kernel(SYS_socket, to->ai_family, SOCK_STREAM, 0, 0, 0, 0);
  long sent = 0;
  if (fast_open) {
    sent = kernel(SYS_sendto, fd, (long)request, (long)request_size, MSG_FASTOPEN,
                  (long)to->ai_addr, to->ai_addrlen);
    if (sent < 0 && sent != -EOPNOTSUPP) return give_up("sendto", -sent);
    if (sent < 0) sent = 0;
  }
  if (sent == 0) {
    const long error = kernel(SYS_connect, fd, (long)to->ai_addr, to->ai_addrlen, 0, 0, 0);
    if (error != 0) return give_up("connect", -error);
    kernel(SYS_write, fd, (long)request, (long)request_size, 0, 0, 0);
  }
  size_t size = 0;
  long n = 0;
  while ((n = kernel(SYS_read, fd, (long)reply + (long)size, (long)(sizeof reply - 1 - size), 0, 0,
                     0)) > 0) {
    size += (size_t)n;
  }
  return show(size);
}

static int ask_in_clone(const struct addrinfo* to) {
  const long child = kernel(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
  if (child == 0) kernel(SYS_exit_group, ask_inline(to, 0), 0, 0, 0, 0, 0);
  int status = 0;
  waitpid((pid_t)child, &status, 0);
  return WEXITSTATUS(status);
}

static int ask_in_namespace(const struct addrinfo* to) {
  void* libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW);
  if (libc == NULL) return give_up(dlerror(), ENOENT);
  int (*make)(int, int, int) = (int (*)(int, int, int))dlsym(libc, "socket");
  int (*join)(int, const struct sockaddr*, socklen_t) =
      (int (*)(int, const struct sockaddr*, socklen_t))dlsym(libc, "connect");
  ssize_t (*put)(int, const void*, size_t) =
      (ssize_t(*)(int, const void*, size_t))dlsym(libc, "write");
  ssize_t (*get)(int, void*, size_t) = (ssize_t(*)(int, void*, size_t))dlsym(libc, "read");
  const int fd = make(to->ai_family, SOCK_STREAM, 0);
  if (join(fd, to->ai_addr, to->ai_addrlen) != 0) return give_up("connect", 0);
  put(fd, request, request_size);
  size_t size = 0;
  ssize_t n = 0;
  while ((n = get(fd, reply + size, sizeof reply - 1 - size)) > 0) size += (size_t)n;
  return show(size);
}

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  if (strcmp(argv[1], "ring") == 0) {
    char parameters[256] = "";
    const long ring = kernel(425 /* io_uring_setup */, 4, (long)parameters, 0, 0, 0, 0);
    return ring < 0 ? give_up("ring", -ring) : (puts("a ring, which nobody sees into"), 0);
  }
  struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *to = NULL;
  if (getaddrinfo(argv[2], argv[3], &hints, &to) != 0) return give_up("lookup", ENOENT);
  request_size = (size_t)snprintf(request, sizeof request,
                                  "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n",
                                  argv[4], argv[2]);
  if (strcmp(argv[1], "namespace") == 0) return ask_in_namespace(to);
  if (strcmp(argv[1], "clone") == 0) return ask_in_clone(to);
  return ask_inline(to, strcmp(argv[1], "fast-open") == 0);
}
