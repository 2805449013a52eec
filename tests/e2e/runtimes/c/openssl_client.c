/* Verification on; two connections, the second with keep-alive. Built twice: with OpenSSL linked
   statically, so that no TLS function of it can be interposed, and for the shared OpenSSL 1.1,
   whose ABI is what the headers of 3 declare but for the name of one function. */
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef OPENSSL_1_1
#undef SSL_get_peer_certificate
extern X509* SSL_get_peer_certificate(const SSL* ssl);
#endif

static const char kHost[] = "api.openai.com";

static void fail(const char* what) {
  fprintf(stderr, "%s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static int connect_to(const char* host, const char* port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
  struct addrinfo* list = NULL;
  if (getaddrinfo(host, port, &hints, &list) != 0) fail("getaddrinfo");
  int fd = -1;
  for (struct addrinfo* at = list; at != NULL && fd < 0; at = at->ai_next) {
    fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
    if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      close(fd);
      fd = -1;
    }
  }
  freeaddrinfo(list);
  if (fd < 0) fail("connect");
  return fd;
}

static SSL* open_tls(SSL_CTX* context) {
  SSL* tls = SSL_new(context);
  SSL_set_tlsext_host_name(tls, kHost);
  SSL_set1_host(tls, kHost);
  SSL_set_fd(tls, connect_to(kHost, "443"));
  if (SSL_connect(tls) != 1) fail("SSL_connect");
  if (SSL_get_verify_result(tls) != X509_V_OK) fail("verification");
  X509* certificate = SSL_get_peer_certificate(tls);
  if (certificate == NULL || X509_check_host(certificate, kHost, 0, 0, NULL) != 1)
    fail("certificate");
  X509_free(certificate);
  if (SSL_get_current_cipher(tls) == NULL || !SSL_is_init_finished(tls)) fail("handshake");
  return tls;
}

static void close_tls(SSL* tls) {
  SSL_shutdown(tls);
  close(SSL_get_fd(tls));
  SSL_free(tls);
}

/* Prints the head, without cookies, and the body's size and a sum of it; the last answer of a
   connection ends with it, earlier ones have a Content-Length. */
static void answer(SSL* tls) {
  char head[8192];
  size_t used = 0;
  while (used < sizeof head - 1 && (used < 4 || memcmp(head + used - 4, "\r\n\r\n", 4) != 0)) {
    if (SSL_read(tls, head + used, 1) != 1) fail("reading the head");
    used++;
  }
  head[used] = 0;
  const char* length_field = strstr(head, "Content-Length: ");
  long left = length_field == NULL ? -1 : atol(length_field + 16);
  for (char* line = strtok(head, "\r\n"); line != NULL; line = strtok(NULL, "\r\n")) {
    if (strncmp(line, "Set-Cookie:", 11) != 0) printf("  %s\n", line);
  }
  unsigned long sum = 5381;
  long bytes = 0;
  while (left != 0) {
    unsigned char piece[4096];
    const int wanted = left < 0 || left > (long)sizeof piece ? (int)sizeof piece : (int)left;
    const int got = SSL_read(tls, piece, wanted);
    if (got <= 0) break;
    for (int i = 0; i < got; i++) sum = sum * 33 + piece[i];
    if (bytes == 0) printf("  begins: %.*s\n", got < 60 ? got : 60, (const char*)piece);
    bytes += got;
    if (left > 0) left -= got;
  }
  printf("  %ld bytes, sum %lx\n", bytes, sum);
}

static void ask(SSL* tls, const char* method, const char* target, const char* fields,
                const char* body) {
  char request[4096];
  const int size = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\n%s", method,
                            target, kHost, fields);
  printf("%s %s\n", method, target);
  /* Head and body in two writes. */
  if (SSL_write(tls, request, size) != size) fail("SSL_write");
  const int rest =
      snprintf(request, sizeof request, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
  if (SSL_write(tls, request, rest) != rest) fail("SSL_write");
  answer(tls);
}

int main(int argc, char** argv) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_set_default_verify_paths(context) != 1) fail("roots");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);

  SSL* first = open_tls(context);
  ask(first, "GET", "/echo?static", "Connection: close\r\n", "");
  close_tls(first);
  if (argc > 1 && strcmp(argv[1], "half") == 0) return 0;

  SSL* second = open_tls(context);
  ask(second, "GET", "/big?bytes=300000", "", "");
  char fields[256];
  snprintf(fields, sizeof fields,
           "Authorization: Bearer %s\r\nContent-Type: application/json\r\nConnection: close\r\n",
           getenv("OPENAI_API_KEY"));
  ask(second, "POST", "/v1/chat/completions", fields,
      "{\"model\": \"gpt-4o\", \"messages\": [{\"role\": \"user\", \"content\": \"Static\"}], "
      "\"stream\": true}");
  close_tls(second);
  SSL_CTX_free(context);
  return 0;
}
