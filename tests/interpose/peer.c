/* The cases' common tools: see interpose.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interpose.h"

enum { kReplyCapacity = 8 << 20 };

const char* mode_name(void) {
  /* Not the RECSHIM_ variable: the program must look the same to itself in every run. */
  const char* mode = getenv("INTERPOSE_MODE");
  return mode != NULL ? mode : "bare";
}

void say(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
  putchar('\n');
}

void say_result(const char* what, long result) {
  const int error = errno;
  if (result == -1) {
    say("%s: -1 %s", what, strerrorname_np(error));
  } else {
    say("%s: %ld", what, result);
  }
}

void give_up(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  fflush(stdout);
  _exit(2);
}

struct sockaddr_in server_address(void) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)g_port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int dial(void) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) give_up("socket");
  const struct sockaddr_in address = server_address();
  if (connect(fd, (const struct sockaddr*)&address, sizeof address) != 0) give_up("connect");
  return fd;
}

bool put_all(int fd, PutFn put, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t count = put(fd, bytes, size);
    if (count <= 0) {
      say_result("put", count);
      return false;
    }
    bytes += count;
    size -= (size_t)count;
  }
  return true;
}

void ask(int fd, const char* path) {
  char request[512];
  const int size = snprintf(request, sizeof request,
                            "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, g_port);
  put_all(fd, write, request, (size_t)size);
}

uint64_t digest_of(const char* bytes, size_t size) {
  uint64_t hash = 1469598103934665603u; /* FNV-1a */
  for (size_t i = 0; i < size; ++i) {
    hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
  }
  return hash;
}

/* Size of the whole reply at the start of text, or 0 while that can't be told. */
static size_t reply_size(const char* text, size_t size) {
  const char* end = memmem(text, size, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  const size_t head = (size_t)(end - text) + 4;
  const char* length = memmem(text, head, "Content-Length: ", 16);
  if (length != NULL) return head + strtoul(length + 16, NULL, 10);
  if (memmem(text, head, "Transfer-Encoding: chunked", 26) == NULL) return SIZE_MAX;
  const char* last = memmem(text, size, "\r\n0\r\n\r\n", 7);
  return last != NULL ? (size_t)(last - text) + 7 : 0;
}

bool hear(int fd, GetFn get) {
  char* reply =
      mmap(NULL, kReplyCapacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (reply == MAP_FAILED) give_up("mmap");
  size_t size = 0;
  size_t wanted = 0;
  bool whole = false;
  while (!whole && size < kReplyCapacity) {
    size_t room = wanted == 0 || wanted == SIZE_MAX ? kReplyCapacity - size : wanted - size;
    const ssize_t count = get(fd, reply + size, room);
    if (count < 0 && errno == EAGAIN) continue;
    if (count < 0) {
      say_result("get", count);
      break;
    }
    if (count == 0) {
      whole = wanted == SIZE_MAX;
      if (!whole) say("get: end after %zu bytes", size);
      break;
    }
    size += (size_t)count;
    wanted = reply_size(reply, size);
    whole = wanted != 0 && size >= wanted && wanted != SIZE_MAX;
  }
  if (whole) {
    const char* line_end = memchr(reply, '\r', size);
    say("reply: %.*s, %zu bytes, digest %016llx", (int)(line_end - reply), reply, size,
        (unsigned long long)digest_of(reply, size));
  }
  munmap(reply, kReplyCapacity);
  return whole;
}

bool exchange(int fd, const char* path) {
  ask(fd, path);
  return hear(fd, read);
}

void fresh_exchange(const char* path) {
  const int fd = dial();
  exchange(fd, path);
  say_result("close", close(fd));
}

Channel loopback_channel(void) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int in = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &size) != 0 ||
      connect(in, (struct sockaddr*)&address, size) != 0) {
    give_up("loopback");
  }
  const int out = accept(listener, NULL, NULL);
  if (out < 0) give_up("accept");
  close(listener);
  return (Channel){"tcp", in, out};
}

void each_channel(void (*visit)(const Channel*, const void*), const void* context) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  visit(&(Channel){"pipe", ends[1], ends[0]}, context);
  close(ends[0]);
  close(ends[1]);

  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) give_up("socketpair");
  visit(&(Channel){"unix", ends[1], ends[0]}, context);
  close(ends[0]);
  close(ends[1]);

  const Channel tcp = loopback_channel();
  visit(&tcp, context);
  close(tcp.in);
  close(tcp.out);

  const int in = memfd_create("interpose", 0);
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", in);
  const int out = open(path, O_RDONLY);
  if (out < 0) give_up("memfd");
  visit(&(Channel){"file", in, out}, context);
  close(in);
  close(out);

  visit(&(Channel){"closed", out, out}, context);
}

char** again_argv(const char* situation, const char* name, const char* extra) {
  static char port[16];
  static char* argv[6];
  snprintf(port, sizeof port, "%d", g_port);
  argv[0] = (char*)g_program;
  argv[1] = port;
  argv[2] = (char*)situation;
  argv[3] = (char*)name;
  argv[4] = (char*)extra;
  argv[5] = NULL;
  return argv;
}

void exec_again(const char* situation, const char* name, const char* extra) {
  fflush(stdout);
  execv(g_program, again_argv(situation, name, extra));
  give_up("execv");
}

void say_exit(const char* what, pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) give_up("waitpid");
  if (WIFEXITED(status)) {
    say("%s: exit %d", what, WEXITSTATUS(status));
  } else {
    say("%s: signal %d", what, WTERMSIG(status));
  }
}
