// Every function that the installed libssl has for an SSL, on connections that have shaken hands,
// or that failed to: openssl_calls done|failed. To fail, the program offers HTTP/3 alone (for
// replay), or shuts its socket down before (live).
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "calls.h"
#include "openssl_versions.h"

namespace {

constexpr char kRequest[] = "GET /echo?functions HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
bool fails = false;
bool replayed = false;

struct Connection {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL* ssl = nullptr;
  int fd = -1;

  Connection() {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(context, std::getenv("E2E_CA"), nullptr) != 1) give_up("CA");
    ssl = SSL_new(context);
    static const unsigned char only_http3[] = {2, 'h', '3'};
    if (fails) SSL_set_alpn_protos(ssl, only_http3, sizeof only_http3);
    SSL_set_tlsext_host_name(ssl, "api.openai.com");
    fd = dial("443");
    if (fails && !replayed) shutdown(fd, SHUT_RDWR);
    SSL_set_fd(ssl, fd);
    if ((SSL_connect(ssl) == 1) == fails) _exit(1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  // Whatever the call did to the connection, using it and freeing it must not crash.
  void use() {
    char reply[16384];
    SSL_write(ssl, kRequest, sizeof kRequest - 1);
    const int n = SSL_read(ssl, reply, sizeof reply);
    if (n <= 0 && SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ) {
      wait_for_bytes(fd);
      SSL_read(ssl, reply, sizeof reply);
    }
    SSL_shutdown(ssl);
  }

  void end() {
    SSL_free(ssl);
    SSL_CTX_free(context);
  }
};

template <typename Call>
void each(const char* name, bool numbers, Call call) {
  for (const long number : kNumbers) {
    run_case(name, number, [&] {
      Connection connection;
      call(connection.ssl, Any{number});
      connection.use();
      connection.end();
    });
    if (!numbers) break;
  }
}

}  // namespace

int main(int count, char** words) {
  fails = count > 1 && std::strcmp(words[1], "failed") == 0;
  replayed = std::getenv("RECSHIM_MODE") != nullptr;
  run_case("(none)", 0, [] {
    Connection connection;
    connection.use();
    connection.end();
  });
#define CALL(name, numbers, ...)               \
  each(#name, numbers, [](SSL* ssl, Any any) { \
    (void)any;                                 \
    (void)name(__VA_ARGS__);                   \
  });
#include "calls.inc"
#undef CALL
  // Behind this one are the macros of ssl.h.
  for (int command = 0; command < 150; ++command) {
    for (void* pointer : {static_cast<void*>(nullptr), static_cast<void*>(Any{0})}) {
      char name[64];
      std::snprintf(name, sizeof name, "SSL_ctrl[%d%s]", command, pointer == nullptr ? "" : "*");
      each(name, true, [&](SSL* ssl, Any any) { SSL_ctrl(ssl, command, any, pointer); });
    }
  }
  return 0;
}
