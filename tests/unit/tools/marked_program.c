/* Carries the texts that an implementation of TLS leaves in a binary. */
#include <stdio.h>

#if defined(GO)
__attribute__((section(".go.buildinfo"), used)) static const char build_info[] =
    "\xff Go buildinf:";
#endif

int main(void) {
  return puts(MARKS) < 0;
}
