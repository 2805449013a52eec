/* fdopen()s its socket and speaks plain HTTP by stdio both ways, several requests on one
 * connection: one FILE for both directions, then one for each. */
#include "account.h"

/* Reads one reply with fgets and fread; false at the end of the connection. */
static int show_next(FILE* in, const char* label) {
  static char reply[2u << 20];
  char line[4096];
  size_t size = 0;
  size_t body = 0;
  while (fgets(line, sizeof line, in) != NULL) {
    const size_t length = strlen(line);
    memcpy(reply + size, line, length + 1);
    size += length;
    if (strncasecmp(line, "Content-Length:", 15) == 0) body = strtoul(line + 15, NULL, 10);
    if (strcmp(line, "\r\n") == 0) break;
  }
  if (size == 0) return 0;
  if (fread(reply + size, 1, body, in) != body) fail("fread");
  show_reply(label, reply, size + body);
  return 1;
}

static void ask(FILE* out, const char* method, const char* path, const char* body) {
  fprintf(out, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: text/plain\r\n", method, path,
          E2E_HOST);
  fprintf(out, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
  if (fflush(out) != 0) fail("fflush");
}

int main(void) {
  static char long_body[200001];
  memset(long_body, 'b', sizeof long_body - 1);

  FILE* both = fdopen(dial("80"), "r+");
  if (both == NULL) fail("fdopen");
  ask(both, "GET", "/echo?stdio=both", "");
  show_next(both, "one file, get");
  ask(both, "POST", "/upload", long_body);
  show_next(both, "one file, post");
  ask(both, "GET", "/big?bytes=1000000", "");
  show_next(both, "one file, big");
  fclose(both);

  const int fd = dial("80");
  FILE* out = fdopen(dup(fd), "w");
  FILE* in = fdopen(fd, "r");
  if (in == NULL || out == NULL) fail("fdopen");
  ask(out, "GET", "/echo?stdio=two", "");
  show_next(in, "two files, get");
  ask(out, "PUT", "/upload", "short");
  show_next(in, "two files, put");
  setvbuf(in, NULL, _IONBF, 0);
  ask(out, "GET", "/echo?stdio=unbuffered", "");
  show_next(in, "two files, unbuffered");
  fclose(out);
  fclose(in);
  return 0;
}
