/* What the cases share: talking to the fixture server, printing, and pairs of foreign fds.
 * Knows nothing of recshim: the same binary runs with and without it, and must print the
 * same. Output goes to stdout and must not depend on timing, ports or addresses. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef ssize_t (*GetFn)(int fd, void* buffer, size_t size);
typedef ssize_t (*PutFn)(int fd, const void* bytes, size_t size);
typedef int (*OpenFn)(const char* path, bool close_on_exec);

#define GET(op) ssize_t get_##op(int fd, void* buffer, size_t size);
#define PUT(op) ssize_t put_##op(int fd, const void* bytes, size_t size);
#define OPEN(op) int open_##op(const char* path, bool close_on_exec);
#define CASE(name) void case_##name(void);
#define LOCAL_CASE(name) CASE(name)
#include "cases.def"
#undef GET
#undef PUT
#undef OPEN
#undef CASE
#undef LOCAL_CASE

/* This program's path, the fixture server's port and the mode: "bare" without the shim. */
extern const char* g_program;
extern int g_port;
const char* mode_name(void);

/* One line on stdout. */
void say(const char* format, ...) __attribute__((format(printf, 1, 2)));
/* "what: value" or "what: -1 ERRNO". */
void say_result(const char* what, long result);
/* Reports what could not be set up and leaves with status 2. */
void give_up(const char* what) __attribute__((noreturn));

struct sockaddr_in server_address(void);
/* A connected blocking TCP socket; leaves with status 2 when it can't be had. */
int dial(void);
/* Writes everything with put. False and a line on stdout on error. */
bool put_all(int fd, PutFn put, const char* bytes, size_t size);
/* Sends "GET path" with write(2). */
void ask(int fd, const char* path);
/* Reads one reply with get; says its status, size and digest. False when it did not come. */
bool hear(int fd, GetFn get);
/* ask and hear with read(2). */
bool exchange(int fd, const char* path);
/* dial, one exchange, close. */
void fresh_exchange(const char* path);
uint64_t digest_of(const char* bytes, size_t size);

/* A foreign channel: what is written to `in` can be read from `out`. */
typedef struct Channel {
  const char* kind;
  int in;
  int out;
} Channel;
/* Calls visit for a pipe, a unix socket pair, a loopback TCP pair, a regular file (out: the
 * same file at its start) and a closed fd. */
void each_channel(void (*visit)(const Channel*, const void* context), const void* context);
Channel loopback_channel(void);

/* Runs the op exchanges and their foreign twins. */
void run_get_handled(GetFn get);
void run_put_handled(PutFn put);
void run_get_foreign(GetFn get);
void run_put_foreign(PutFn put);
void run_open_bundle(OpenFn open_file);
void run_open_other(OpenFn open_file);

/* Starts this program again as `situation` `name` in place of the calling process. */
void exec_again(const char* situation, const char* name, const char* extra)
    __attribute__((noreturn));
char** again_argv(const char* situation, const char* name, const char* extra);
/* Waits for pid and says how it ended. */
void say_exit(const char* what, pid_t pid);
/* The argument after the case's name, or "". */
extern const char* g_extra;
