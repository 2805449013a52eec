// OpenSSL by BIO chains: BIO_new_ssl_connect with BIO_puts and BIO_gets over BIO_f_buffer, and
// BIO_f_ssl over a socket BIO with plain BIO_write and BIO_read. Verification on.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>

#include "account.h"

namespace {

[[noreturn]] void fail_tls(const char* what) {
  fprintf(stderr, "%s: %s\n", what, ERR_error_string(ERR_get_error(), nullptr));
  exit(1);
}

std::string request_for(const char* path) {
  char request[256];
  return std::string(request, write_request(request, sizeof request, path));
}

void prepare(SSL* ssl) {
  SSL_set_mode(ssl, SSL_MODE_AUTO_RETRY);
  SSL_set_tlsext_host_name(ssl, E2E_HOST);
  SSL_set1_host(ssl, E2E_HOST);
}

void connect_chain(SSL_CTX* context, const char* path) {
  BIO* connection = BIO_new_ssl_connect(context);
  SSL* ssl = nullptr;
  BIO_get_ssl(connection, &ssl);
  if (ssl == nullptr) fail_tls("BIO_get_ssl");
  prepare(ssl);
  BIO_set_conn_hostname(connection, E2E_HOST ":443");
  BIO* chain = BIO_push(BIO_new(BIO_f_buffer()), connection);
  if (BIO_do_connect(connection) != 1) fail_tls("BIO_do_connect");
  if (BIO_do_handshake(connection) != 1) fail_tls("BIO_do_handshake");
  printf("verify result %ld, certificate %d\n", SSL_get_verify_result(ssl),
         SSL_get0_peer_certificate(ssl) != nullptr);

  if (BIO_puts(chain, request_for(path).c_str()) <= 0) fail_tls("BIO_puts");
  if (BIO_flush(chain) != 1) fail_tls("BIO_flush");
  std::string reply;
  char line[2048];
  int count = 0;
  while ((count = BIO_gets(chain, line, sizeof line)) > 0) {
    reply.append(line, static_cast<size_t>(count));
    if (reply.ends_with("\r\n\r\n")) break;
  }
  while ((count = BIO_read(chain, line, sizeof line)) > 0) {
    reply.append(line, static_cast<size_t>(count));
  }
  BIO_free_all(chain);
  show_reply(path, reply.data(), reply.size());
}

void plain_chain(SSL_CTX* context, const char* path) {
  BIO* tls = BIO_new_ssl(context, 1);
  SSL* ssl = nullptr;
  BIO_get_ssl(tls, &ssl);
  prepare(ssl);
  BIO* chain = BIO_push(tls, BIO_new_socket(dial("443"), BIO_CLOSE));
  // The handshake happens inside the first write.
  const std::string request = request_for(path);
  if (BIO_write(chain, request.data(), static_cast<int>(request.size())) <= 0)
    fail_tls("BIO_write");
  std::string reply;
  char buffer[8192];
  int count = 0;
  while ((count = BIO_read(chain, buffer, sizeof buffer)) > 0) {
    reply.append(buffer, static_cast<size_t>(count));
  }
  printf("verify result %ld\n", SSL_get_verify_result(ssl));
  BIO_free_all(chain);
  show_reply(path, reply.data(), reply.size());
}

}  // namespace

int main() {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (SSL_CTX_load_verify_locations(context, getenv("E2E_CA"), nullptr) != 1) fail_tls("E2E_CA");
  connect_chain(context, "/echo?bio=connect");
  connect_chain(context, "/chunked?n=5&size=900");
  plain_chain(context, "/echo?bio=plain");
  plain_chain(context, "/big?bytes=2000000");
  SSL_CTX_free(context);
  return 0;
}
