// See tls_gnutls_virtual.h.
#include "shim/ops/tls_gnutls_virtual.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include "shim/ops/tls_certificate.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::gnutls {
namespace {

int socket_of(void* pointer) {
  return static_cast<int>(reinterpret_cast<intptr_t>(pointer));
}

ssize_t push_some(Session& session, const char* data, size_t size) {
  session.transport_errno = 0;
  if (session.vec_push != nullptr) {
    const iovec piece{const_cast<char*>(data), size};
    return session.vec_push(session.send_pointer, &piece, 1);
  }
  if (session.push != nullptr) return session.push(session.send_pointer, data, size);
  return send(socket_of(session.send_pointer), data, size, session.no_signal ? MSG_NOSIGNAL : 0);
}

ssize_t pull_some(Session& session, void* buffer, size_t size) {
  session.transport_errno = 0;
  if (session.pull != nullptr) return session.pull(session.receive_pointer, buffer, size);
  return recv(socket_of(session.receive_pointer), buffer, size, 0);
}

// What became of a push or pull that gave -1. otherwise: kPushError or kPullError.
int error_of(const Session& session, void* pointer, int otherwise) {
  int error = session.transport_errno;
  if (error == 0) error = session.errno_function ? session.errno_function(pointer) : errno;
  if (error == EAGAIN) return kAgain;
  return error == EINTR ? kInterrupted : otherwise;
}

// Sends unsent down to nothing: 0, or the error that stopped it.
int flush(Session& session) {
  runtime::begin_virtual(session.connection, session.unsent);
  size_t sent = 0;
  int result = kSuccess;
  while (sent < session.unsent.size() && result == kSuccess) {
    const ssize_t n =
        push_some(session, session.unsent.data() + sent, session.unsent.size() - sent);
    if (n > 0) {
      sent += static_cast<size_t>(n);
    } else {
      result = n < 0 ? error_of(session, session.send_pointer, kPushError) : kPushError;
    }
  }
  const int error = errno;
  session.unsent.erase(0, sent);
  errno = error;
  return result;
}

}  // namespace

ssize_t virtual_receive(Session& session, void* buffer, size_t size) {
  session.writing = false;
  const ssize_t n = pull_some(session, buffer, size);
  if (n == 0 && runtime::virtual_end(session.connection.get()) == runtime::VirtualEnd::kRagged) {
    return kPrematureEnd;
  }
  return n >= 0 ? n : error_of(session, session.receive_pointer, kPullError);
}

ssize_t virtual_send(Session& session, const void* data, size_t size) {
  if (session.corked) {
    runtime::OwnWork own;
    session.unsent.append(static_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  session.writing = true;
  if (session.repeat == 0) {
    runtime::OwnWork own;
    session.unsent.assign(static_cast<const char*>(data), size);
    session.repeat = size;
  }
  const int result = flush(session);
  if (result == kAgain || result == kInterrupted) return result;
  const size_t taken = session.repeat;
  session.repeat = 0;
  return result == kSuccess ? static_cast<ssize_t>(taken) : result;
}

void virtual_cork(Session& session) {
  session.corked = true;
}

int virtual_uncork(Session& session, unsigned flags) {
  constexpr unsigned kWait = 1;
  if (!session.corked) return 0;
  session.writing = true;
  const size_t before = session.unsent.size();
  int result = flush(session);
  while (result == kInterrupted || (result == kAgain && (flags & kWait) != 0)) {
    result = flush(session);
  }
  if (result != kSuccess) return result;
  session.corked = false;
  return static_cast<int>(before);
}

int refuse_io(int error) {
  errno = ECONNREFUSED;
  return error;
}

const Datum* virtual_peer(Session& session) {
  if (session.peer.data == nullptr) {
    runtime::OwnWork own;
    session.certificate = synthetic_certificate(session.host);
    session.peer = {reinterpret_cast<unsigned char*>(session.certificate.data()),
                    static_cast<unsigned>(session.certificate.size())};
  }
  return &session.peer;
}

}  // namespace recshim::ops::gnutls
