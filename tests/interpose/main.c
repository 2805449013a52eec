/* interpose_test PORT SITUATION CASE [EXTRA]: runs one case of cases.def in a situation
 * (main, constructor, thread, fork). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interpose.h"

const char* g_program = "";
const char* g_extra = "";
int g_port = 0;

static bool run_named(const char* name) {
#define GET(op)                                                                  \
  if (strcmp(name, "handled." #op) == 0) return run_get_handled(get_##op), true; \
  if (strcmp(name, "foreign." #op) == 0) return run_get_foreign(get_##op), true;
#define PUT(op)                                                                  \
  if (strcmp(name, "handled." #op) == 0) return run_put_handled(put_##op), true; \
  if (strcmp(name, "foreign." #op) == 0) return run_put_foreign(put_##op), true;
#define OPEN(op)                                                                 \
  if (strcmp(name, "bundle." #op) == 0) return run_open_bundle(open_##op), true; \
  if (strcmp(name, "other." #op) == 0) return run_open_other(open_##op), true;
#define CASE(id) \
  if (strcmp(name, #id) == 0) return case_##id(), true;
#define LOCAL_CASE(name) CASE(name)
#include "cases.def"
#undef GET
#undef PUT
#undef OPEN
#undef CASE
#undef LOCAL_CASE
  if (strcmp(name, "again.exchange") == 0) return fresh_exchange("/hello"), true;
  if (strcmp(name, "again.ask_and_hear") == 0) return exchange(atoi(g_extra), "/chunked"), true;
  if (strcmp(name, "again.hear") == 0) return hear(atoi(g_extra), read), true;
  return false;
}

static void run_or_leave(const char* name) {
  if (!run_named(name)) {
    fprintf(stderr, "no case named %s\n", name);
    exit(2);
  }
  fflush(stdout);
}

static void* thread_main(void* name) {
  run_or_leave(name);
  return NULL;
}

static void take_arguments(int argc, char** argv) {
  g_program = argv[0];
  g_port = atoi(argv[1]);
  if (argc > 4) g_extra = argv[4];
}

/* glibc hands main's arguments to constructors too. */
__attribute__((constructor)) static void early(int argc, char** argv, char** environment) {
  (void)environment;
  if (argc < 4 || strcmp(argv[2], "constructor") != 0) return;
  take_arguments(argc, argv);
  run_or_leave(argv[3]);
}

int main(int argc, char** argv) {
  if (argc < 4) {
    fprintf(stderr, "usage: interpose_test PORT main|constructor|thread|fork CASE [EXTRA]\n");
    return 2;
  }
  take_arguments(argc, argv);
  if (strcmp(argv[2], "constructor") == 0) {
    say("main after the constructor");
    return 0;
  }
  if (strcmp(argv[2], "thread") == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, argv[3]) != 0) give_up("pthread_create");
    pthread_join(thread, NULL);
    return 0;
  }
  if (strcmp(argv[2], "fork") == 0) {
    const pid_t pid = fork();
    if (pid < 0) give_up("fork");
    if (pid == 0) {
      run_or_leave(argv[3]);
      return 0;
    }
    say_exit("child", pid);
  }
  run_or_leave(argv[3]);
  return 0;
}
