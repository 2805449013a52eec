/* Linked statically with musl: no library is loaded, no function can be interposed. Looks the
   host up, asks over plain HTTP on one connection and prints what came. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char* host, const char* port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* list = NULL;
  if (getaddrinfo(host, port, &hints, &list) != 0) return -1;
  int fd = -1;
  for (struct addrinfo* at = list; at != NULL && fd < 0; at = at->ai_next) {
    fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(list);
  return fd;
}

/* Prints the answer whole: the connection ends with it. */
static void ask(const char* target) {
  const int fd = connect_to("api.openai.com", "80");
  if (fd < 0) {
    perror("api.openai.com");
    exit(1);
  }
  FILE* stream = fdopen(fd, "r+");
  fprintf(stream, "GET %s HTTP/1.1\r\nHost: api.openai.com\r\nConnection: close\r\n\r\n", target);
  fflush(stream);
  printf("== %s\n", target);
  unsigned long sum = 5381;
  long bytes = 0;
  for (int byte = fgetc(stream); byte != EOF; byte = fgetc(stream)) {
    if (bytes++ < 1000) putchar(byte);
    sum = sum * 33 + (unsigned char)byte;
  }
  printf("\n%ld bytes, sum %lx\n", bytes, sum);
  if (ferror(stream)) {
    perror("reading");
    exit(1);
  }
  fclose(stream);
}

int main(int argc, char** argv) {
  ask("/echo?musl");
  ask("/chunked?n=3");
  if (argc > 1 && strcmp(argv[1], "half") == 0) return 0;
  ask("/big?bytes=200000");
  ask("/until-close");
  return 0;
}
