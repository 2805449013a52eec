/* Threads, cancellation, signals and errno. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"

static void pause_ms(int milliseconds) {
  const struct timespec time = {.tv_sec = milliseconds / 1000,
                                .tv_nsec = (milliseconds % 1000) * 1000000L};
  struct timespec left = time;
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

static pthread_t start(void* (*run)(void*), void* argument) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, run, argument) != 0) give_up("pthread_create");
  return thread;
}

/* Reads one reply of a known size quietly; its digest, or 0. */
static uint64_t quiet_exchange(const char* path) {
  const int fd = dial();
  ask(fd, path);
  static const size_t kSize = 64 * 1024;
  char* reply = malloc(kSize);
  size_t size = 0;
  ssize_t count;
  while ((count = read(fd, reply + size, kSize - size)) > 0) size += (size_t)count;
  close(fd);
  const uint64_t digest = count == 0 ? digest_of(reply, size) : 0;
  free(reply);
  return digest;
}

static void* many_exchanges(void* number) {
  char path[64];
  uint64_t sum = 0;
  for (int i = 0; i < 10; ++i) {
    snprintf(path, sizeof path, "/close?thread=%d&round=%d", (int)(intptr_t)number, i);
    sum = sum * 31 + quiet_exchange(path);
  }
  return (void*)(uintptr_t)sum;
}

void case_threads_own_connections(void) {
  enum { kThreads = 8 };
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) threads[i] = start(many_exchanges, (void*)(intptr_t)i);
  for (int i = 0; i < kThreads; ++i) {
    void* sum = NULL;
    pthread_join(threads[i], &sum);
    say("thread %d: %016lx", i, (unsigned long)(uintptr_t)sum);
  }
}

static void* hear_in_thread(void* fd) {
  hear((int)(intptr_t)fd, read);
  hear((int)(intptr_t)fd, read);
  return NULL;
}

void case_thread_reads_other_writes(void) {
  const int fd = dial();
  const pthread_t reader = start(hear_in_thread, (void*)(intptr_t)fd);
  pause_ms(50); /* the reader is blocked by now */
  ask(fd, "/hello");
  pause_ms(50);
  ask(fd, "/big?bytes=5000000");
  pthread_join(reader, NULL);
  close(fd);
}

/* --- fork(2) while other threads hold whatever locks their calls take ------------------- */

static atomic_bool g_forked_enough;

static void* tells_the_time(void* unused) {
  while (!g_forked_enough) {
    const time_t now = time(NULL);
    struct tm parts;
    localtime_r(&now, &parts);
  }
  return unused;
}

static void* asks_for_descriptor(void* stream) {
  while (!g_forked_enough) {
    volatile int fd = fileno(stream);
    (void)fd;
  }
  return NULL;
}

static void* looks_up(void* unused) {
  while (!g_forked_enough) {
    struct addrinfo* found = NULL;
    if (getaddrinfo("localhost", NULL, NULL, &found) == 0) freeaddrinfo(found);
  }
  return unused;
}

static void* keeps_exchanging(void* unused) {
  while (!g_forked_enough) {
    quiet_exchange("/close?busy");
    pause_ms(1);
  }
  return unused;
}

static void* sets_variables(void* unused) {
  while (!g_forked_enough) setenv("RECSHIM_TEST_ID", "busy", 1);
  return unused;
}

void case_fork_beside_busy_threads(void) {
  setenv("RECSHIM_TEST_ID", "busy", 1);
  const int fd = dial();
  exchange(fd, "/hello?before");
  FILE* stream = fdopen(fd, "r+");
  void* (*const busy[])(void*) = {tells_the_time, asks_for_descriptor, asks_for_descriptor,
                                  looks_up,       keeps_exchanging,    sets_variables};
  enum { kThreads = sizeof busy / sizeof *busy, kForks = 60 };
  pthread_t threads[kThreads];
  for (int i = 0; i < kThreads; ++i) threads[i] = start(busy[i], stream);
  pause_ms(20);
  int good = 0;
  for (int i = 0; i < kForks && good == i; ++i) {
    const pid_t pid = fork();
    if (pid < 0) give_up("fork");
    if (pid == 0) {
      alarm(10);
      const bool right = fileno(stdin) == 0 && quiet_exchange("/close?child") != 0;
      _exit(right ? 0 : 1);
    }
    int status = 0;
    if (waitpid(pid, &status, 0) == pid && status == 0) ++good;
  }
  g_forked_enough = true;
  for (int i = 0; i < kThreads; ++i) pthread_join(threads[i], NULL);
  say("children that answered: %d of %d", good, kForks);
  fclose(stream);
}

/* Whether an exchange went well; needs little stack. */
static void* exchange_in_little_room(void* unused) {
  (void)unused;
  static char reply[1024];
  const int fd = dial();
  ask(fd, "/close?small");
  size_t size = 0;
  ssize_t count;
  while ((count = read(fd, reply + size, sizeof reply - size)) > 0) size += (size_t)count;
  close(fd);
  return (void*)(uintptr_t)(count == 0 && memcmp(reply, "HTTP/1.1 200", 12) == 0);
}

void case_smallest_stack(void) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (size_t)sysconf(_SC_THREAD_STACK_MIN));
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, exchange_in_little_room, NULL);
  if (error != 0) give_up("pthread_create");
  void* good = NULL;
  pthread_join(thread, &good);
  say("answered: %d", good != NULL);
}

static void exchange_at_end(void* path) {
  fresh_exchange(path);
}

static void* set_key(void* key) {
  pthread_setspecific(*(pthread_key_t*)key, "/hello?thread-exit");
  return NULL;
}

void case_thread_exit_destructor(void) {
  pthread_key_t key;
  pthread_key_create(&key, exchange_at_end);
  pthread_join(start(set_key, &key), NULL);
  fresh_exchange("/hello?main");
}

static void note_cleanup(void* done) {
  *(volatile int*)done = 1;
}
static volatile int g_cleaned;

static void* read_for_ever(void* fd) {
  pthread_cleanup_push(note_cleanup, (void*)&g_cleaned);
  char byte;
  if (read((int)(intptr_t)fd, &byte, 1) != 0) say("the read came back");
  pthread_cleanup_pop(0);
  return NULL;
}

void case_cancel_blocked_read(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  const pthread_t reader = start(read_for_ever, (void*)(intptr_t)fd);
  pause_ms(50);
  say("pthread_cancel: %d", pthread_cancel(reader));
  void* result = NULL;
  pthread_join(reader, &result);
  say("cancelled: %d, cleaned up: %d", result == PTHREAD_CANCELED, g_cleaned);
  /* No lock was left behind. */
  exchange(fd, "/chunked");
  close(fd);
  fresh_exchange("/hello?other");
}

static void* exchange_uncancelled(void* unused) {
  (void)unused;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  pause_ms(50); /* the cancellation is pending by now */
  fresh_exchange("/hello");
  int state = -1;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
  say("still disabled: %d", state == PTHREAD_CANCEL_DISABLE);
  return NULL;
}

void case_cancel_async_off_exchange(void) {
  const pthread_t thread = start(exchange_uncancelled, NULL);
  say("pthread_cancel: %d", pthread_cancel(thread));
  void* result = PTHREAD_CANCELED;
  pthread_join(thread, &result);
  say("ended by itself: %d", result == NULL);
}

static int g_signal_pipe[2];
static int g_signal_fd = -1;
static sigjmp_buf g_jump;

static void write_to_pipe(int signal_number) {
  (void)signal_number;
  const int error = errno;
  if (write(g_signal_pipe[1], "s", 1) != 1) abort();
  errno = error;
}

static void write_request(int signal_number) {
  (void)signal_number;
  static const char request[] = "GET /hello?from-handler HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  const int error = errno;
  if (write(g_signal_fd, request, sizeof request - 1) != sizeof request - 1) abort();
  errno = error;
}

static void jump(int signal_number) {
  (void)signal_number;
  siglongjmp(g_jump, 1);
}

static void* signal_later(void* thread) {
  pause_ms(60);
  pthread_kill(*(pthread_t*)thread, SIGUSR1);
  return NULL;
}

static void on_signal(void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
}

void case_signal_interrupts_read(void) {
  if (pipe(g_signal_pipe) != 0) give_up("pipe");
  on_signal(write_to_pipe, 0);
  const int fd = dial();
  pthread_t self = pthread_self();
  for (int round = 0; round < 2; ++round) {
    const pthread_t sender = start(signal_later, &self);
    say_result("read", read(fd, &(char){0}, 1));
    pthread_join(sender, NULL);
    char got;
    say_result("from the handler", read(g_signal_pipe[0], &got, 1));
    exchange(fd, "/hello");
  }
  close(fd);
}

void case_signal_restarts_read(void) {
  on_signal(write_request, SA_RESTART);
  const int fd = dial();
  g_signal_fd = fd;
  pthread_t self = pthread_self();
  const pthread_t sender = start(signal_later, &self);
  hear(fd, read);
  pthread_join(sender, NULL);
  exchange(fd, "/chunked");
  close(fd);
}

void case_longjmp_out_of_read(void) {
  on_signal(jump, 0);
  const int fd = dial();
  exchange(fd, "/hello");
  pthread_t self = pthread_self();
  volatile int jumps = 0;
  volatile pthread_t sender = 0;
  for (;;) {
    if (sigsetjmp(g_jump, 1) != 0) {
      pthread_join(sender, NULL);
      if (++jumps == 2) break;
    }
    sender = start(signal_later, &self);
    say_result("read came back", read(fd, &(char){0}, 1));
  }
  say("jumped %d times", jumps);
  exchange(fd, "/chunked");
  close(fd);
  fresh_exchange("/hello?other");
}

static void* shut_later(void* fd) {
  pause_ms(60);
  say_result("shutdown", shutdown((int)(intptr_t)fd, SHUT_RDWR));
  return NULL;
}

void case_shutdown_wakes_reader(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  const pthread_t closer = start(shut_later, (void*)(intptr_t)fd);
  const ssize_t count = read(fd, &(char){0}, 1);
  pthread_join(closer, NULL);
  say_result("read", count);
  close(fd);
}

static void* close_it(void* fd) {
  say_result("close", close((int)(intptr_t)fd));
  return NULL;
}

void case_close_in_other_thread(void) {
  const int fd = dial();
  exchange(fd, "/hello");
  pthread_join(start(close_it, (void*)(intptr_t)fd), NULL);
  say_result("read", read(fd, &(char){0}, 1));
  say_result("write", write(fd, "x", 1));
  const int again = dial();
  say("same number: %d", again == fd);
  exchange(again, "/chunked");
  pthread_join(start(close_it, (void*)(intptr_t)again), NULL);
}

static void say_kept(const char* what) {
  say("%s: errno %s", what, errno == ENOTTY ? "kept" : strerrorname_np(errno));
  errno = ENOTTY;
}

void case_errno_kept(void) {
  errno = ENOTTY;
  const int fd = dial();
  say_kept("connect");
  static const char request[] = "GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
  errno = ENOTTY;
  if (write(fd, request, sizeof request - 1) < 0) give_up("write");
  say_kept("write");
  char reply[4096];
  if (read(fd, reply, sizeof reply) < 0) give_up("read");
  say_kept("read");
  struct sockaddr_in peer;
  socklen_t size = sizeof peer;
  getpeername(fd, (struct sockaddr*)&peer, &size);
  say_kept("getpeername");
  const int copy = dup(fd);
  say_kept("dup");
  close(copy);
  say_kept("close");
  setenv("RECSHIM_TEST_ID", "x", 1);
  say_kept("setenv");
  shutdown(fd, SHUT_RDWR);
  say_kept("shutdown");
  close(fd);
  say_kept("last close");
}
