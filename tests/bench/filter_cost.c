/* Prints the nanoseconds a getppid(2) takes, the least of several rounds: a call that no
   filter of ours asks about. Run by filter_cost.sh with and without supervision. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  enum { kRounds = 25, kCalls = 200000 };
  double least = 1e18;
  for (int round = 0; round < kRounds; ++round) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < kCalls; ++i) syscall(SYS_getppid);
    clock_gettime(CLOCK_MONOTONIC, &end);
    const double ns = (end.tv_sec - start.tv_sec) * 1e9 + (end.tv_nsec - start.tv_nsec);
    if (ns / kCalls < least) least = ns / kCalls;
  }
  printf("%.1f\n", least);
  return 0;
}
