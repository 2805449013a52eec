/* What the C and C++ client programs share: finding the host, and printing what they got so
 * that any difference in it shows. */
#pragma once

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define E2E_HOST "api.openai.com"

static inline void fail(const char* what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* E2E_HOST's first address for the port; freed by the end of the process. */
static inline const struct addrinfo* look_up(const char* port) {
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo* found = NULL;
  const int result = getaddrinfo(E2E_HOST, port, &hints, &found);
  if (result != 0) {
    fprintf(stderr, "getaddrinfo: %s\n", gai_strerror(result));
    exit(1);
  }
  return found;
}

static inline int dial(const char* port) {
  const struct addrinfo* address = look_up(port);
  const int fd = socket(address->ai_family, SOCK_STREAM, 0);
  if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) != 0) fail("connect");
  return fd;
}

/* Cookies are secrets: recordings hold a placeholder, so replay can't give them back. */
static inline void show_head(const char* head, size_t size) {
  for (size_t start = 0; start < size;) {
    const char* end = (const char*)memchr(head + start, '\n', size - start);
    const size_t length = end == NULL ? size - start : (size_t)(end - (head + start)) + 1;
    if (strncasecmp(head + start, "Set-Cookie:", 11) != 0) fwrite(head + start, 1, length, stdout);
    start += length;
  }
}

/* The head, then the body's size and digest, and the body when it is short. bytes:
 * a reply as it came, framing included. */
static inline void show_reply(const char* label, const char* bytes, size_t size) {
  const char* end = size == 0 ? NULL : (const char*)memmem(bytes, size, "\r\n\r\n", 4);
  const size_t head = end == NULL ? size : (size_t)(end - bytes) + 4;
  uint64_t hash = 1469598103934665603u; /* FNV-1a */
  for (size_t i = head; i < size; ++i) {
    hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
  }
  printf("== %s\n", label);
  show_head(bytes, head);
  printf("  body: %zu bytes, %016llx\n", size - head, (unsigned long long)hash);
  if (size - head < 4000) fwrite(bytes + head, 1, size - head, stdout);
  putchar('\n');
  fflush(stdout);
}

/* A request that lets the server close after its reply, so that the end is the end. */
static inline size_t write_request(char* out, size_t room, const char* path) {
  return (size_t)snprintf(
      out, room, "GET %s HTTP/1.1\r\nHost: " E2E_HOST "\r\nConnection: close\r\n\r\n", path);
}
