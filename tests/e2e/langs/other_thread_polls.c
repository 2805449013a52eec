/* One thread waits for every socket with edge-triggered epoll, as runtimes with several threads do;
 * another connects and sends a ClientHello of its own making. Counts the answers, and how often the
 * first saw a connection break that nobody had closed. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/epoll.h>

#include "account.h"

enum { kConnections = 40 };

static int watcher;
static atomic_int writable, readable, broken;

static void* watch(void* nothing) {
  for (;;) {
    struct epoll_event events[8];
    const int count = epoll_wait(watcher, events, 8, -1);
    for (int i = 0; i < count; ++i) {
      if ((events[i].events & (EPOLLERR | EPOLLHUP)) != 0) ++broken;
      if ((events[i].events & EPOLLOUT) != 0) writable = 1;
      if ((events[i].events & EPOLLIN) != 0) readable = 1;
    }
  }
  return nothing;
}

static int comes(const atomic_int* what) {
  for (int tenth_ms = 0; tenth_ms < 100000 && *what == 0; ++tenth_ms) usleep(100);
  return *what;
}

/* RFC 5246 7.4.1.2: TLS 1.2, one cipher suite, and the host's name. */
static size_t write_hello(unsigned char* out) {
  static const unsigned char extensions[] = {0,
                                             10,
                                             0,
                                             4,
                                             0,
                                             2,
                                             0,
                                             23, /* supported_groups: secp256r1 */
                                             0,
                                             13,
                                             0,
                                             6,
                                             0,
                                             4,
                                             4,
                                             3,
                                             8,
                                             4, /* signature_algorithms */
                                             0,
                                             0,
                                             0,
                                             5 + sizeof E2E_HOST - 1,
                                             0,
                                             3 + sizeof E2E_HOST - 1,
                                             0,
                                             0,
                                             sizeof E2E_HOST - 1};
  const size_t named = sizeof extensions + sizeof E2E_HOST - 1;
  const size_t body = 2 + 32 + 1 + 4 + 2 + 2 + named;
  const unsigned char head[] = {
      0x16, 3, 1, 0, (unsigned char)(body + 4), 1, 0, 0, (unsigned char)body, 3, 3};
  const unsigned char middle[] = {0, 0, 2, 0xc0, 0x2b, 1, 0, 0, (unsigned char)named};
  unsigned char* at = out;
  memcpy(at, head, sizeof head), at += sizeof head;
  for (int i = 0; i < 32; ++i) *at++ = (unsigned char)rand();
  memcpy(at, middle, sizeof middle), at += sizeof middle;
  memcpy(at, extensions, sizeof extensions), at += sizeof extensions;
  memcpy(at, E2E_HOST, sizeof E2E_HOST - 1), at += sizeof E2E_HOST - 1;
  return (size_t)(at - out);
}

int main(void) {
  int answered = 0;
  watcher = epoll_create1(0);
  pthread_t thread;
  pthread_create(&thread, NULL, watch, NULL);
  for (int i = 0; i < kConnections; ++i) {
    writable = readable = 0;
    const int fd = dial("443");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    struct epoll_event all = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
    if (epoll_ctl(watcher, EPOLL_CTL_ADD, fd, &all) != 0) fail("epoll_ctl");
    comes(&writable);
    unsigned char hello[256];
    const size_t size = write_hello(hello);
    if (send(fd, hello, size, MSG_NOSIGNAL) != (ssize_t)size) fail("send");
    answered += comes(&readable);
    epoll_ctl(watcher, EPOLL_CTL_DEL, fd, NULL);
    close(fd);
  }
  printf("%d answered, %d seen to break\n", answered, broken);
  return 0;
}
