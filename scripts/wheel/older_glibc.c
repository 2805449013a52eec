// What Debian 12's libstdc++.a takes from libc and glibc 2.31 does not have yet. Becomes part of
// the sysroot's libc_nonshared.a, which is linked into every library and program.
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#define HIDDEN __attribute__((visibility("hidden")))

// glibc 2.32: whether the process certainly has one thread only, which nobody needs to know.
HIDDEN char __libc_single_threaded = 0;

// glibc 2.36. Never fails.
HIDDEN uint32_t arc4random(void) {
  uint32_t number = 0;
  while (getrandom(&number, sizeof number, 0) != sizeof number) {
    if (errno != EINTR) abort();
  }
  return number;
}
