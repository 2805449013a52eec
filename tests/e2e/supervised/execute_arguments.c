/* For linking to musl: becomes the program in its arguments. */
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc > 1) execvp(argv[1], argv + 1);
  return 127;
}
