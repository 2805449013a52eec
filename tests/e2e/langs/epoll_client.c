/* Edge-triggered epoll and non-blocking sockets registered before they connect: plain HTTP on
 * three connections at once, then OpenSSL (verification on) driven by its WANT_READ/WRITE. */
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>

#include "account.h"

enum { kConnections = 3, kRoom = 6 << 20, kWaitMs = 30000 };

typedef struct Connection {
  int fd;
  SSL* ssl; /* NULL for plain HTTP */
  const char* path;
  char request[256];
  size_t request_size;
  size_t sent;
  char* reply;
  size_t size;
  int done;
} Connection;

static void open_connection(Connection* connection, int poller, const char* port) {
  const struct addrinfo* address = look_up(port);
  connection->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  connection->reply = malloc(kRoom);
  connection->request_size =
      write_request(connection->request, sizeof connection->request, connection->path);
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                              .data.ptr = connection};
  if (connection->fd < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, connection->fd, &event) != 0) {
    fail("epoll_ctl");
  }
  if (connect(connection->fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
    fail("connect");
  }
}

static int tls_would_wait(Connection* connection, int result) {
  const int reason = SSL_get_error(connection->ssl, result);
  if (reason == SSL_ERROR_WANT_READ || reason == SSL_ERROR_WANT_WRITE) return 1;
  if (reason == SSL_ERROR_ZERO_RETURN) return 0;
  fprintf(stderr, "TLS: reason %d, %s\n", reason, ERR_error_string(ERR_get_error(), NULL));
  exit(1);
}

/* Sends some bytes: how many, 0 to wait. */
static size_t send_some(Connection* connection) {
  const char* from = connection->request + connection->sent;
  const size_t size = connection->request_size - connection->sent;
  if (connection->ssl != NULL) {
    const int count = SSL_write(connection->ssl, from, (int)size);
    if (count > 0) return (size_t)count;
    if (!tls_would_wait(connection, count)) fail("closed while sending");
    return 0;
  }
  const ssize_t count = send(connection->fd, from, size, MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN) fail("send");
  return count < 0 ? 0 : (size_t)count;
}

/* Receives some bytes: how many, 0 to wait or when done. */
static size_t receive_some(Connection* connection) {
  char* to = connection->reply + connection->size;
  const size_t room = kRoom - connection->size;
  if (connection->ssl != NULL) {
    const int count = SSL_read(connection->ssl, to, (int)room);
    if (count > 0) return (size_t)count;
    connection->done = !tls_would_wait(connection, count);
    return 0;
  }
  const ssize_t count = recv(connection->fd, to, room, 0);
  if (count < 0 && errno != EAGAIN) fail("recv");
  connection->done = count == 0;
  return count < 0 ? 0 : (size_t)count;
}

static void on_event(Connection* connection, unsigned events) {
  if (connection->done) return;
  if (connection->sent == 0) {
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0) fail("connect");
    if ((events & EPOLLOUT) == 0) return; /* the hang-up of a socket not yet connected */
  }
  while (connection->sent < connection->request_size) {
    const size_t count = send_some(connection);
    if (count == 0) return;
    connection->sent += count;
  }
  size_t count;
  while ((count = receive_some(connection)) > 0) connection->size += count;
}

static void run(Connection* connections, int count, int poller) {
  for (int done = 0; done < count;) {
    struct epoll_event events[8];
    const int ready = epoll_wait(poller, events, 8, kWaitMs);
    if (ready <= 0) fail("epoll_wait");
    for (int i = 0; i < ready; ++i) on_event(events[i].data.ptr, events[i].events);
    done = 0;
    for (int i = 0; i < count; ++i) done += connections[i].done;
  }
  for (int i = 0; i < count; ++i) {
    show_reply(connections[i].path, connections[i].reply, connections[i].size);
    if (connections[i].ssl != NULL) SSL_free(connections[i].ssl);
    close(connections[i].fd);
    free(connections[i].reply);
  }
}

/* As Qt does: it gets one index, and uses those behind it, too. */
static void keep_behind(SSL* ssl, void* value) {
  static int own = -1;
  if (own < 0) own = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  for (int i = 0; i < 3; ++i) SSL_set_ex_data(ssl, own + i, value);
}

static SSL* new_tls(SSL_CTX* context, int fd) {
  SSL* ssl = SSL_new(context);
  keep_behind(ssl, ssl);
  SSL_set_tlsext_host_name(ssl, E2E_HOST);
  SSL_set1_host(ssl, E2E_HOST);
  SSL_set_fd(ssl, fd);
  SSL_set_connect_state(ssl); /* the handshake happens inside the first SSL_write */
  return ssl;
}

int main(void) {
  static const char* const paths[kConnections] = {"/big?bytes=5000000", "/chunked?n=40&size=2000",
                                                  "/until-close"};
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_load_verify_locations(context, getenv("E2E_CA"), NULL) != 1) fail("E2E_CA");
  for (int tls = 0; tls < 2; ++tls) {
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    Connection connections[kConnections];
    memset(connections, 0, sizeof connections);
    for (int i = 0; i < kConnections; ++i) {
      connections[i].path = paths[i];
      open_connection(&connections[i], poller, tls ? "443" : "80");
      if (tls) connections[i].ssl = new_tls(context, connections[i].fd);
    }
    run(connections, kConnections, poller);
    close(poller);
  }
  SSL_CTX_free(context);
  return 0;
}
