/* GnuTLS with its own certificate checks: by gnutls_session_set_verify_cert, and by
 * gnutls_certificate_verify_peers3 after the handshake; corked and plain sends. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "account.h"

static void check(const char* what, int result) {
  if (result >= 0) return;
  fprintf(stderr, "%s: %s\n", what, gnutls_strerror(result));
  exit(1);
}

static void shake_hands(gnutls_session_t session) {
  int result;
  do {
    result = gnutls_handshake(session);
  } while (result < 0 && gnutls_error_is_fatal(result) == 0);
  check("gnutls_handshake", result);
}

static void verify_peers(gnutls_session_t session) {
  unsigned status = ~0u;
  check("gnutls_certificate_verify_peers3",
        gnutls_certificate_verify_peers3(session, E2E_HOST, &status));
  unsigned count = 0;
  const gnutls_datum_t* chain = gnutls_certificate_get_peers(session, &count);
  printf("verified: status %u, has a certificate %d\n", status, chain != NULL && count > 0);
  gnutls_x509_crt_t certificate;
  check("gnutls_x509_crt_init", gnutls_x509_crt_init(&certificate));
  check("gnutls_x509_crt_import",
        gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER));
  printf("names the host: %u\n", gnutls_x509_crt_check_hostname(certificate, E2E_HOST) != 0);
  gnutls_x509_crt_deinit(certificate);
}

static void exchange(gnutls_certificate_credentials_t credentials, int automatic,
                     const char* path) {
  static char reply[4u << 20];
  gnutls_session_t session;
  check("gnutls_init", gnutls_init(&session, GNUTLS_CLIENT));
  check("priority", gnutls_set_default_priority(session));
  check("credentials", gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials));
  check("name", gnutls_server_name_set(session, GNUTLS_NAME_DNS, E2E_HOST, strlen(E2E_HOST)));
  const int fd = dial("443");
  gnutls_transport_set_int(session, fd);
  gnutls_handshake_set_timeout(session, 20000);
  if (automatic) gnutls_session_set_verify_cert(session, E2E_HOST, 0);
  shake_hands(session);
  if (!automatic) verify_peers(session);

  char request[256];
  const size_t length = write_request(request, sizeof request, path);
  if (automatic) {
    gnutls_record_cork(session);
    check("send", (int)gnutls_record_send(session, request, 10));
    check("send", (int)gnutls_record_send(session, request + 10, length - 10));
    check("uncork", gnutls_record_uncork(session, GNUTLS_RECORD_WAIT));
  } else {
    check("send", (int)gnutls_record_send(session, request, length));
  }
  size_t size = 0;
  ssize_t count;
  do {
    count = gnutls_record_recv(session, reply + size, sizeof reply - size);
    if (count > 0) size += (size_t)count;
  } while (count > 0 || count == GNUTLS_E_INTERRUPTED || count == GNUTLS_E_AGAIN);
  check("recv", (int)count);
  gnutls_bye(session, GNUTLS_SHUT_WR);
  gnutls_deinit(session);
  close(fd);
  show_reply(path, reply, size);
}

int main(void) {
  check("gnutls_global_init", gnutls_global_init());
  gnutls_certificate_credentials_t credentials;
  check("credentials", gnutls_certificate_allocate_credentials(&credentials));
  check("E2E_CA",
        gnutls_certificate_set_x509_trust_file(credentials, getenv("E2E_CA"), GNUTLS_X509_FMT_PEM));
  exchange(credentials, 1, "/echo?gnutls=automatic");
  exchange(credentials, 0, "/echo?gnutls=by-hand");
  exchange(credentials, 1, "/big?bytes=3000000");
  exchange(credentials, 0, "/chunked?n=7&size=3000");
  gnutls_certificate_free_credentials(credentials);
  gnutls_global_deinit();
  return 0;
}
