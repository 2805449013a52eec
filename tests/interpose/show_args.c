/* Prints its arguments. Linked dynamically, statically, with the note by which Go's programs are
 * known, and as if to musl, to be executed through every function there is. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef GO_NOTE
/* Source: cmd/link in Go, .note.go.buildid. */
__asm__(
    ".pushsection .note.go.buildid, \"a\", @note\n"
    ".long 4, 4, 4\n"
    ".asciz \"Go\\0\"\n"
    ".ascii \"test\"\n"
    ".popsection\n");
#endif

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("%s%s", i > 0 ? " " : "", argv[i]);
#ifdef SHOW_PRELOAD
  const char* preload = getenv("LD_PRELOAD");
  printf(" LD_PRELOAD=%s", preload != NULL ? preload : "unset");
#endif
  printf("\n");
  fflush(stdout);
  return 0;
}
