// GnuTLS operations: a session's life, transport and data. See tls_gnutls.h.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "shim/ops/tls_alpn.h"
#include "shim/ops/tls_gnutls.h"
#include "shim/ops/tls_gnutls_session.h"
#include "shim/ops/tls_gnutls_virtual.h"
#include "shim/runtime/guard.h"

namespace recshim::ops::gnutls {
namespace {

void begin_real(Session& session) {
  session.begin_call();
  runtime::enter_tls_io();
}

void end_real(Session& session) {
  runtime::leave_tls_io();
  session.end_call();
}

// What a tapped session's calls have in common afterwards. REQUIRES: OwnWork.
void after_step(Session& session) {
  const GnutlsApi& api = session.library->api;
  if (session.hello_noted || session.fd >= 0 || api.gnutls_session_get_random == nullptr) return;
  Datum client{}, server{};
  api.gnutls_session_get_random(session.session, &client, &server);
  if (client.size != 32 || client.data == nullptr) return;
  session.hello_noted = true;
  runtime::note_client_hello(client.data, session.tap.get());
}

// REQUIRES: a real call gave result; before end_real.
void after_receive(Session& session, const void* bytes, ssize_t result) {
  runtime::OwnWork own;
  if (result > 0) {
    session.tap->on_read(bytes, static_cast<size_t>(result));
    return;
  }
  const bool ended = result == 0 || result == kPrematureEnd;
  if (session.end_told || (!ended && result != kPullError)) return;
  session.end_told = true;
  session.tap->on_read_end(result == 0 ? flow::End::kEof
                           : ended     ? flow::End::kRagged
                                       : flow::End::kReset);
}

template <typename Call>
ssize_t receive(const Target& target, void* data, size_t size, Call original) {
  if (target.session == nullptr) return original();
  Session& session = *target.session;
  if (target.mode == Mode::kVirtual) return virtual_receive(session, data, size);
  if (target.mode == Mode::kRefused) return refuse_io(kPullError);
  if (session.pushed_back() > 0) return static_cast<ssize_t>(session.take_pushback(data, size));
  begin_real(session);
  const ssize_t n = original();
  after_receive(session, data, n);
  end_real(session);
  return n;
}

template <typename Call>
ssize_t send_all(const Target& target, const void* data, size_t size, Call original) {
  if (target.session == nullptr) return original();
  Session& session = *target.session;
  if (target.mode == Mode::kVirtual) return virtual_send(session, data, size);
  if (target.mode == Mode::kRefused) return refuse_io(kPushError);
  begin_real(session);
  const ssize_t n = original();
  {
    runtime::OwnWork own;
    if (n == kAgain || n == kInterrupted) {
      // GnuTLS keeps the bytes; the call may be repeated without them.
      if (session.unsent.empty() && data != nullptr) {
        session.unsent.assign(static_cast<const char*>(data), size);
      }
    } else {
      const bool kept = !session.unsent.empty();
      const char* bytes = kept ? session.unsent.data() : static_cast<const char*>(data);
      if (n > 0 && bytes != nullptr) session.tap->on_written(bytes, static_cast<size_t>(n));
      session.unsent.clear();
    }
  }
  end_real(session);
  return n;
}

// Changes what is remembered of a session, if it is.
template <typename Change>
void remember(Session* session, Change change) {
  if (session == nullptr) return;
  runtime::OwnWork own;
  change(*session);
}

}  // namespace

int gnutls_init(const void* caller, GnutlsSession* session, unsigned flags) {
  const Found found = find_library(caller);
  if (found.library == nullptr || found.library->api.gnutls_init == nullptr) return kUnimplemented;
  const int result = found.library->api.gnutls_init(session, flags);
  if (result == kSuccess && (flags & kFlagClient) != 0 && (flags & kFlagDatagram) == 0 &&
      !found.internal && found.library->usable && runtime::tls_active()) {
    add_session(*found.library, *session, (flags & kFlagNoSignal) != 0);
  }
  return result;
}

void gnutls_deinit(const void* caller, GnutlsSession session) {
  const Found found = find_library(caller);
  if (found.library == nullptr) return;
  if (runtime::tls_active()) remove_session(session);
  found.library->api.gnutls_deinit(session);
}

int gnutls_bye(const void* caller, GnutlsSession session, int how) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || target.api->gnutls_bye == nullptr) return kInvalidSession;
  if (target.session == nullptr) return target.api->gnutls_bye(session, how);
  if (target.mode != Mode::kTap) return kSuccess;
  begin_real(*target.session);
  const int result = target.api->gnutls_bye(session, how);
  end_real(*target.session);
  return result;
}

int gnutls_server_name_set(const void* caller, GnutlsSession session, int type, const void* name,
                           size_t size) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  if (api == nullptr || api->gnutls_server_name_set == nullptr) return kUnimplemented;
  const int result = api->gnutls_server_name_set(session, type, name, size);
  if (result == kSuccess && type == kServerNameDns) {
    remember(known, [&](Session& own) {
      own.server_name = plain_host({static_cast<const char*>(name), size});
    });
  }
  return result;
}

int gnutls_alpn_set_protocols(const void* caller, GnutlsSession session, const Datum* protocols,
                              unsigned count, unsigned flags) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  if (api == nullptr || api->gnutls_alpn_set_protocols == nullptr) return kUnimplemented;
  // What GnuTLS would refuse, or comes too late to matter, goes straight to it.
  constexpr unsigned kMostNames = 8, kLongestName = 31;
  bool acceptable = known != nullptr && known->mode == Mode::kUndecided && count <= kMostNames;
  for (unsigned i = 0; acceptable && i < count; ++i) acceptable = protocols[i].size <= kLongestName;
  if (!acceptable) return api->gnutls_alpn_set_protocols(session, protocols, count, flags);
  remember(known, [&](Session& own) {
    own.alpn.clear();
    for (unsigned i = 0; i < count; ++i) {
      own.alpn.emplace_back(reinterpret_cast<const char*>(protocols[i].data), protocols[i].size);
    }
    own.alpn_flags = flags;
  });
  return kSuccess;
}

void gnutls_transport_set_ptr(const void* caller, GnutlsSession session, void* pointer) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) { own.receive_pointer = own.send_pointer = pointer; });
  if (api != nullptr) api->gnutls_transport_set_ptr(session, pointer);
}

void gnutls_transport_set_ptr2(const void* caller, GnutlsSession session, void* receive,
                               void* send) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) {
    own.receive_pointer = receive;
    own.send_pointer = send;
  });
  if (api != nullptr) api->gnutls_transport_set_ptr2(session, receive, send);
}

void gnutls_transport_set_int2(const void* caller, GnutlsSession session, int receive, int send) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) {
    own.receive_pointer = reinterpret_cast<void*>(static_cast<intptr_t>(receive));
    own.send_pointer = reinterpret_cast<void*>(static_cast<intptr_t>(send));
  });
  if (api != nullptr) api->gnutls_transport_set_int2(session, receive, send);
}

// Which host it is has to be known before the handshake, whose first message would make the
// connection: it is made now, and the session goes over it as over any other.
void gnutls_transport_set_fastopen(const void* caller, GnutlsSession session, int fd,
                                   sockaddr* address, socklen_t length, unsigned flags) {
  const GnutlsApi* api = nullptr;
  find_record(caller, session, &api);
  // As the program would: by the hook.
  if (::connect(fd, address, length) == 0 || errno == EINPROGRESS) {
    gnutls_transport_set_int2(caller, session, fd, fd);
  } else if (api != nullptr && api->gnutls_transport_set_fastopen != nullptr) {
    api->gnutls_transport_set_fastopen(session, fd, address, length, flags);
  }
}

void gnutls_transport_set_push_function(const void* caller, GnutlsSession session,
                                        PushFunction function) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) {
    own.push = function;
    own.vec_push = nullptr;  // either replaces the other
  });
  if (api != nullptr) api->gnutls_transport_set_push_function(session, function);
}

void gnutls_transport_set_vec_push_function(const void* caller, GnutlsSession session,
                                            VecPushFunction function) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) {
    own.vec_push = function;
    own.push = nullptr;
  });
  if (api != nullptr) api->gnutls_transport_set_vec_push_function(session, function);
}

void gnutls_transport_set_pull_function(const void* caller, GnutlsSession session,
                                        PullFunction function) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) { own.pull = function; });
  if (api != nullptr) api->gnutls_transport_set_pull_function(session, function);
}

void gnutls_transport_set_errno(const void* caller, GnutlsSession session, int error) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) { own.transport_errno = error; });
  if (api != nullptr) api->gnutls_transport_set_errno(session, error);
}

void gnutls_transport_set_errno_function(const void* caller, GnutlsSession session,
                                         ErrnoFunction function) {
  const GnutlsApi* api = nullptr;
  Session* known = find_record(caller, session, &api);
  remember(known, [&](Session& own) { own.errno_function = function; });
  if (api != nullptr) api->gnutls_transport_set_errno_function(session, function);
}

int gnutls_handshake(const void* caller, GnutlsSession session) {
  const Target target = find_session(caller, session, true);
  if (target.api == nullptr) return kInvalidSession;
  if (target.mode == Mode::kVirtual) return kSuccess;
  if (target.mode == Mode::kRefused) return refuse_io(kPushError);
  if (target.session == nullptr) return target.api->gnutls_handshake(session);
  begin_real(*target.session);
  const int result = target.api->gnutls_handshake(session);
  {
    runtime::OwnWork own;
    after_step(*target.session);
  }
  end_real(*target.session);
  return result;
}

ssize_t gnutls_record_send(const void* caller, GnutlsSession session, const void* data,
                           size_t size) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr) return kInvalidSession;
  return send_all(target, data, size,
                  [&] { return target.api->gnutls_record_send(session, data, size); });
}

ssize_t gnutls_record_send2(const void* caller, GnutlsSession session, const void* data,
                            size_t size, size_t pad, unsigned flags) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || !target.api->gnutls_record_send2) return kInvalidSession;
  return send_all(target, data, size,
                  [&] { return target.api->gnutls_record_send2(session, data, size, pad, flags); });
}

ssize_t gnutls_record_send_range(const void* caller, GnutlsSession session, const void* data,
                                 size_t size, const void* range) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || !target.api->gnutls_record_send_range) return kInvalidSession;
  return send_all(target, data, size,
                  [&] { return target.api->gnutls_record_send_range(session, data, size, range); });
}

ssize_t gnutls_record_send_file(const void* caller, GnutlsSession session, int fd, off_t* offset,
                                size_t size) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || !target.api->gnutls_record_send_file) return kInvalidSession;
  if (target.session == nullptr) {
    return target.api->gnutls_record_send_file(session, fd, offset, size);
  }
  // The same by gnutls_record_send: whatever is tapped or virtual goes one way.
  char piece[16384];
  ssize_t total = 0;
  while (static_cast<size_t>(total) < size) {
    const size_t wanted = std::min(sizeof piece, size - static_cast<size_t>(total));
    const ssize_t n =
        offset != nullptr ? pread(fd, piece, wanted, *offset + total) : read(fd, piece, wanted);
    if (n <= 0) break;
    const ssize_t sent = gnutls::gnutls_record_send(caller, session, piece, static_cast<size_t>(n));
    if (sent < 0) {
      // Unread what did not go, so that the program can call again.
      if (offset == nullptr) lseek(fd, -n, SEEK_CUR);
      if (total == 0) return sent;
      break;
    }
    total += sent;
    if (offset == nullptr && sent < n) lseek(fd, sent - n, SEEK_CUR);
  }
  if (offset != nullptr) *offset += total;
  return total;
}

ssize_t gnutls_record_recv(const void* caller, GnutlsSession session, void* data, size_t size) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr) return kInvalidSession;
  return receive(target, data, size,
                 [&] { return target.api->gnutls_record_recv(session, data, size); });
}

ssize_t gnutls_record_recv_seq(const void* caller, GnutlsSession session, void* data, size_t size,
                               unsigned char* sequence) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || !target.api->gnutls_record_recv_seq) return kInvalidSession;
  if (target.mode == Mode::kVirtual && sequence != nullptr) std::fill_n(sequence, 8, 0);
  return receive(target, data, size,
                 [&] { return target.api->gnutls_record_recv_seq(session, data, size, sequence); });
}

ssize_t gnutls_record_recv_packet(const void* caller, GnutlsSession session, GnutlsPacket* packet) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || !target.api->gnutls_record_recv_packet) return kInvalidSession;
  if (target.session == nullptr) return target.api->gnutls_record_recv_packet(session, packet);
  // A packet is GnuTLS's own record buffer, which a virtual session cannot make.
  if (target.mode != Mode::kTap) return kUnimplemented;
  begin_real(*target.session);
  const ssize_t n = target.api->gnutls_record_recv_packet(session, packet);
  Datum bytes{};
  if (n > 0 && target.api->gnutls_packet_get != nullptr) {
    target.api->gnutls_packet_get(*packet, &bytes, nullptr);
  }
  after_receive(*target.session, bytes.data, n);
  end_real(*target.session);
  return n;
}

void gnutls_record_cork(const void* caller, GnutlsSession session) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || target.api->gnutls_record_cork == nullptr) return;
  if (target.mode == Mode::kVirtual) return virtual_cork(*target.session);
  target.api->gnutls_record_cork(session);
}

int gnutls_record_uncork(const void* caller, GnutlsSession session, unsigned flags) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || target.api->gnutls_record_uncork == nullptr) return kInvalidSession;
  if (target.mode == Mode::kVirtual) return virtual_uncork(*target.session, flags);
  if (target.mode != Mode::kTap) return target.api->gnutls_record_uncork(session, flags);
  begin_real(*target.session);
  const int result = target.api->gnutls_record_uncork(session, flags);
  end_real(*target.session);
  return result;
}

size_t gnutls_record_check_corked(const void* caller, GnutlsSession session) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || target.api->gnutls_record_check_corked == nullptr) return 0;
  if (target.mode == Mode::kVirtual) {
    return target.session->corked ? target.session->unsent.size() : 0;
  }
  return target.api->gnutls_record_check_corked(session);
}

size_t gnutls_record_check_pending(const void* caller, GnutlsSession session) {
  const Target target = find_session(caller, session, false);
  if (target.api == nullptr || target.api->gnutls_record_check_pending == nullptr) return 0;
  if (target.mode == Mode::kVirtual) return 0;
  if (target.mode == Mode::kTap && target.session->pushed_back() > 0) {
    return target.session->pushed_back();
  }
  return target.api->gnutls_record_check_pending(session);
}

int gnutls_record_get_direction(const void* caller, GnutlsSession session) {
  const Target target = find_session(caller, session, false);
  if (target.mode == Mode::kVirtual) return target.session->writing ? 1 : 0;
  if (target.api == nullptr || target.api->gnutls_record_get_direction == nullptr) return 0;
  return target.api->gnutls_record_get_direction(session);
}

}  // namespace recshim::ops::gnutls
