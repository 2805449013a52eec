/* GnuTLS over functions of the program's own, of which the one that reads waits for the server, as
 * GLib's does. Says whether it ever waited in vain. */
#include <gnutls/gnutls.h>
#include <poll.h>

#include "account.h"

enum { kWait_ms = 3000 };

static int waited_in_vain;

static int wait_for_server(gnutls_transport_ptr_t transport, unsigned ms) {
  struct pollfd socket = {.fd = (int)(intptr_t)transport, .events = POLLIN};
  return poll(&socket, 1, (int)ms);
}

static ssize_t pull(gnutls_transport_ptr_t transport, void* bytes, size_t size) {
  if (wait_for_server(transport, kWait_ms) <= 0) {
    waited_in_vain = 1;
    errno = EAGAIN;
    return -1;
  }
  return recv((int)(intptr_t)transport, bytes, size, 0);
}

static ssize_t push(gnutls_transport_ptr_t transport, const void* bytes, size_t size) {
  if (size == 0) return 0; /* as GLib's streams do */
  return send((int)(intptr_t)transport, bytes, size, MSG_NOSIGNAL);
}

static void check(const char* what, int result) {
  if (result >= 0) return;
  fprintf(stderr, "%s: %s\n", what, gnutls_strerror(result));
  exit(1);
}

int main(void) {
  gnutls_certificate_credentials_t credentials;
  check("credentials", gnutls_certificate_allocate_credentials(&credentials));
  check("E2E_CA",
        gnutls_certificate_set_x509_trust_file(credentials, getenv("E2E_CA"), GNUTLS_X509_FMT_PEM));
  gnutls_session_t session;
  check("init", gnutls_init(&session, GNUTLS_CLIENT));
  check("priority", gnutls_set_default_priority(session));
  check("credentials", gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials));
  check("name", gnutls_server_name_set(session, GNUTLS_NAME_DNS, E2E_HOST, strlen(E2E_HOST)));
  gnutls_session_set_verify_cert(session, E2E_HOST, 0);
  const int fd = dial("443");
  gnutls_transport_set_ptr(session, (gnutls_transport_ptr_t)(intptr_t)fd);
  gnutls_transport_set_push_function(session, push);
  gnutls_transport_set_pull_function(session, pull);
  gnutls_transport_set_pull_timeout_function(session, wait_for_server);
  int result;
  do {
    result = gnutls_handshake(session);
  } while (result < 0 && gnutls_error_is_fatal(result) == 0);
  check("handshake", result);

  char request[256];
  static char reply[1u << 20];
  const size_t length = write_request(request, sizeof request, "/chunked?n=3");
  check("send", (int)gnutls_record_send(session, request, length));
  size_t size = 0;
  ssize_t count;
  do {
    count = gnutls_record_recv(session, reply + size, sizeof reply - size);
    if (count > 0) size += (size_t)count;
  } while (count > 0 || count == GNUTLS_E_INTERRUPTED || count == GNUTLS_E_AGAIN);
  gnutls_deinit(session);
  close(fd);
  gnutls_certificate_free_credentials(credentials);
  show_reply("/chunked?n=3", reply, size);
  printf("waited in vain: %d\n", waited_in_vain);
  return 0;
}
