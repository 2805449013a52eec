/* Uses OpenSSL in earnest as far as the linker can tell. */
#include <openssl/ssl.h>

int main(void) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = SSL_new(context);
  const int connected = SSL_connect(ssl);
  SSL_free(ssl);
  SSL_CTX_free(context);
  return connected == 1;
}
