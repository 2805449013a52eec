// hot_path exchange|connection|foreign N: the calls whose cost hot_path.py counts, N times.
//   exchange    a POST of 300 bytes of JSON on one TLS connection that is kept alive
//   connection  the same, each on a TLS connection of its own
//   foreign     a byte over a socket pair of the program's own, which is no business of recshim's
#define _GNU_SOURCE
#include <netdb.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char* const kHost = "api.openai.com";

struct connection {
  int fd;
  SSL* tls;
};

static void fail(const char* what) {
  fprintf(stderr, "hot_path: %s\n", what);
  exit(1);
}

static struct connection open_connection(SSL_CTX* context) {
  const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
  struct addrinfo* address = NULL;
  if (getaddrinfo(kHost, "443", &hints, &address) != 0) fail("no address");
  struct connection made = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
  if (connect(made.fd, address->ai_addr, address->ai_addrlen) != 0) fail("no connection");
  freeaddrinfo(address);
  made.tls = SSL_new(context);
  SSL_set_tlsext_host_name(made.tls, kHost);
  SSL_set_fd(made.tls, made.fd);
  if (SSL_connect(made.tls) != 1) fail("no TLS");
  return made;
}

static void close_connection(struct connection connection) {
  SSL_shutdown(connection.tls);
  SSL_free(connection.tls);
  close(connection.fd);
}

static void exchange(struct connection connection) {
  char body[400];
  char request[1000];
  char answer[16384];
  memset(body, 'x', sizeof body);
  snprintf(
      body, sizeof body,
      "{\"model\": \"m\", \"temperature\": 0.5, \"messages\": [{\"role\": \"system\", \"content\": "
      "\"%0120d\"}, {\"role\": \"user\", \"content\": \"Where is the largest lake?\"}]}",
      7);
  const int size = snprintf(request, sizeof request,
                            "POST /echo HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
                            "Authorization: Bearer none\r\nContent-Length: %zu\r\n\r\n%s",
                            kHost, strlen(body), body);
  if (SSL_write(connection.tls, request, size) != size) fail("not sent");
  size_t got = 0;
  for (;;) {
    const int n = SSL_read(connection.tls, answer + got, (int)(sizeof answer - 1 - got));
    if (n <= 0) fail("no answer");
    got += (size_t)n;
    answer[got] = 0;
    const char* const end = strstr(answer, "\r\n\r\n");
    const char* const length = strcasestr(answer, "content-length:");
    if (end == NULL) continue;
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || length == NULL) fail(answer);
    if (got >= (size_t)(end + 4 - answer) + strtoul(length + 15, NULL, 10)) return;
  }
}

int main(int argc, char** argv) {
  if (argc != 3) fail("usage: hot_path exchange|connection|foreign N");
  const int count = atoi(argv[2]);
  if (strcmp(argv[1], "foreign") == 0) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) fail("no socket pair");
    for (int i = 0; i < count; ++i) {
      char byte = 'x';
      if (send(ends[0], &byte, 1, 0) != 1 || recv(ends[1], &byte, 1, 0) != 1) fail("no byte");
    }
    return 0;
  }
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  const int kept = strcmp(argv[1], "exchange") == 0;
  struct connection connection = {0};
  for (int i = 0; i < count; ++i) {
    if (!kept || i == 0) connection = open_connection(context);
    exchange(connection);
    if (!kept) close_connection(connection);
  }
  if (kept && count > 0) close_connection(connection);
  SSL_CTX_free(context);
  return 0;
}
