// Every function that the installed GnuTLS has for a session, on connections that have shaken
// hands, or that failed to: gnutls_calls done|failed. See openssl_calls.cpp.
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <gnutls/ocsp.h>
#include <gnutls/socket.h>
#include <gnutls/x509.h>

#include "calls.h"

namespace {

constexpr char kHost[] = "api.openai.com";
constexpr char kRequest[] = "GET /echo?functions HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
bool fails = false;
bool replayed = false;

struct Connection {
  gnutls_session_t session = nullptr;
  gnutls_certificate_credentials_t credentials = nullptr;
  int fd = -1;

  Connection() {
    gnutls_certificate_allocate_credentials(&credentials);
    const int read = gnutls_certificate_set_x509_trust_file(credentials, std::getenv("E2E_CA"),
                                                            GNUTLS_X509_FMT_PEM);
    if (read < 1) give_up("CA");
    gnutls_init(&session, GNUTLS_CLIENT);
    gnutls_set_default_priority(session);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials);
    gnutls_server_name_set(session, GNUTLS_NAME_DNS, kHost, sizeof kHost - 1);
    static unsigned char name[] = {'h', '3'};
    const gnutls_datum_t only_http3{name, sizeof name};
    if (fails) gnutls_alpn_set_protocols(session, &only_http3, 1, 0);
    fd = dial("443");
    if (fails && !replayed) shutdown(fd, SHUT_RDWR);
    gnutls_transport_set_int(session, fd);
    int result = 0;
    do {
      result = gnutls_handshake(session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    if ((result == GNUTLS_E_SUCCESS) == fails) _exit(1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  void use() {
    char reply[16384];
    gnutls_record_send(session, kRequest, sizeof kRequest - 1);
    if (gnutls_record_recv(session, reply, sizeof reply) == GNUTLS_E_AGAIN) {
      wait_for_bytes(fd);
      gnutls_record_recv(session, reply, sizeof reply);
    }
    gnutls_bye(session, GNUTLS_SHUT_WR);
  }

  void end() {
    gnutls_deinit(session);
    gnutls_certificate_free_credentials(credentials);
  }
};

template <typename Call>
void each(const char* name, bool numbers, Call call) {
  for (const long number : kNumbers) {
    run_case(name, number, [&] {
      Connection connection;
      call(connection.session, Any{number});
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
#define CALL(name, numbers, ...)                           \
  each(#name, numbers, [](gnutls_session_t ssl, Any any) { \
    (void)any;                                             \
    (void)name(__VA_ARGS__);                               \
  });
#include "calls.inc"
#undef CALL
  return 0;
}
