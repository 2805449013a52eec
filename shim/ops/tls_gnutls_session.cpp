// See tls_gnutls_session.h.
#include "shim/ops/tls_gnutls_session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/ops/tls_alpn.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"
#include "shim/runtime/sockets.h"

namespace recshim::ops::gnutls {
namespace {

constexpr size_t kRecord = 16384;         // RFC 8446 §5.1: most plaintext in a record
constexpr size_t kDrainLimit = 64 << 20;  // no close waits for more than this

struct Sessions {
  ForkMutex mutex{LockRank::kTlsSessions};
  std::unordered_map<GnutlsSession, std::unique_ptr<Session>> by_handle;
};

// Never destroyed: programs end sessions in their own destructors, after ours would run.
Sessions& sessions() {
  return lasting<[] { return new Sessions; }>();
}

Session* find(GnutlsSession handle) {
  runtime::OwnWork own;
  std::lock_guard lock(sessions().mutex);
  auto found = sessions().by_handle.find(handle);
  return found != sessions().by_handle.end() ? found->second.get() : nullptr;
}

// The socket behind a program's own functions: its push is given nothing to send, which waits for
// nothing; a pull may wait for the server. -1 where it does not get as far as its socket. Runs the
// program's function: not own work.
int find_fd(const Session& session) {
  if (session.pull == nullptr) return session.plain_fd();
  const iovec nothing{const_cast<char*>(""), 0};
  runtime::begin_fd_probe();
  if (session.vec_push != nullptr) {
    session.vec_push(session.send_pointer, &nothing, 1);
  } else if (session.push != nullptr) {
    session.push(session.send_pointer, "", 0);
  }
  return runtime::end_fd_probe();
}

bool is_connected(int fd) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  return runtime::find_socket(fd) != nullptr ||
         real::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0;
}

// A push function may connect by its first bytes, and only then say to what (wget2's, for
// MSG_FASTOPEN): it is given none, so that it is known where the session leads. Runs the
// program's function: not own work.
int find_connection(const Session& session) {
  const int fd = find_fd(session);
  if (session.vec_push == nullptr || session.pull != nullptr || is_connected(fd)) return fd;
  const iovec nothing{nullptr, 0};
  session.vec_push(session.send_pointer, &nothing, 1);
  return find_fd(session);
}

// Tells GnuTLS what the program offers, or http/1.1 alone. Only now, since a second call
// would not replace a first (3.7 counts both lists). REQUIRES: OwnWork.
void offer_alpn(Session& session, bool narrow) {
  std::vector<std::string> names = session.alpn;
  if (names.empty()) return;
  if (narrow) names.assign(1, std::string(kHttp11));
  std::vector<Datum> list;
  list.reserve(names.size());
  for (std::string& name : names) {
    list.push_back(
        {reinterpret_cast<unsigned char*>(name.data()), static_cast<unsigned>(name.size())});
  }
  session.library->api.gnutls_alpn_set_protocols(
      session.session, list.data(), static_cast<unsigned>(list.size()), session.alpn_flags);
}

// REQUIRES: OwnWork.
void decide_mode(Session& session, int fd) {
  const runtime::AlpnOffer offer = classify_alpn(session.alpn);
  runtime::TlsVerdict verdict = runtime::decide_tls(fd, session.server_name, offer);
  session.fd = fd;
  session.host = std::move(verdict.host);
  session.connection = verdict.connection;
  bool narrow = false;
  switch (verdict.action) {
    case runtime::TlsAction::kLeaveAlone:
      session.mode = Mode::kForeign;
      break;
    case runtime::TlsAction::kVirtual:
      session.mode = Mode::kVirtual;
      break;
    case runtime::TlsAction::kTap:
      session.tap = std::move(verdict.tap);
      session.mode = session.tap != nullptr ? Mode::kTap : Mode::kForeign;
      if (session.tap != nullptr) register_tap(session.tap.get(), &session);
      narrow = session.tap != nullptr && must_narrow_alpn(session.alpn);
      break;
    case runtime::TlsAction::kRefuse:
      session.mode = Mode::kRefused;
      break;
  }
  if (session.mode == Mode::kTap || session.mode == Mode::kForeign) offer_alpn(session, narrow);
}

// Stands in for the transport while draining: a read that never blocks.
ssize_t pull_at_once(void* pointer, void* buffer, size_t size) {
  return real::recv(static_cast<int>(reinterpret_cast<intptr_t>(pointer)), buffer, size,
                    MSG_DONTWAIT);
}

// What GnuTLS itself does without a pull function; it cannot be told to go back to that.
ssize_t pull_blocking(void* pointer, void* buffer, size_t size) {
  return recv(static_cast<int>(reinterpret_cast<intptr_t>(pointer)), buffer, size, 0);
}

}  // namespace

Session::~Session() {
  close_tap();
}

void Session::close_tap() {
  if (tap == nullptr) return;
  unregister_tap(tap.get(), this);
  tap->on_close();
  tap = nullptr;
}

size_t Session::take_pushback(void* buffer, size_t size) {
  const size_t n = std::min(size, pushed_back());
  std::memcpy(buffer, pushback.data() + pushback_start, n);
  pushback_start += n;
  if (pushback_start == pushback.size()) {
    pushback.clear();
    pushback_start = 0;
  }
  return n;
}

int Session::plain_fd() const {
  if (pull != nullptr) return -1;
  return static_cast<int>(reinterpret_cast<intptr_t>(receive_pointer));
}

void Session::drain(int from_fd) {
  const GnutlsApi& api = library->api;
  if (tap == nullptr || end_told || from_fd < 0 ||
      api.gnutls_transport_set_pull_function == nullptr ||
      api.gnutls_transport_set_ptr2 == nullptr) {
    return;
  }
  api.gnutls_transport_set_pull_function(session, pull_at_once);
  api.gnutls_transport_set_ptr2(session, reinterpret_cast<void*>(static_cast<intptr_t>(from_fd)),
                                send_pointer);
  if (!real::bound) real::bind();
  char plain[kRecord];
  while (tap->wants_drain() && pushback.size() < kDrainLimit) {
    const ssize_t n = api.gnutls_record_recv(session, plain, sizeof plain);
    if (n > 0) {
      tap->on_read(plain, static_cast<size_t>(n));
      pushback.append(plain, static_cast<size_t>(n));
      continue;
    }
    if (n == 0 || n == kPrematureEnd) {
      end_told = true;
      tap->on_read_end(flow::End::kEof);
    }
    break;
  }
  api.gnutls_transport_set_pull_function(session, pull != nullptr ? pull : pull_blocking);
  api.gnutls_transport_set_ptr2(session, receive_pointer, send_pointer);
}

Session* find_record(const void* caller, GnutlsSession session, const GnutlsApi** api) {
  const Found found = find_library(caller);
  *api = found.library != nullptr ? &found.library->api : nullptr;
  if (found.library == nullptr || found.internal || !runtime::tls_active()) return nullptr;
  return find(session);
}

Target find_session(const void* caller, GnutlsSession handle, bool decide) {
  Target target;
  Session* session = find_record(caller, handle, &target.api);
  if (session == nullptr) return target;
  if (session->mode == Mode::kUndecided) {
    if (!decide) return target;
    const int fd = find_connection(*session);
    runtime::OwnWork own;
    try {
      decide_mode(*session, fd);
    } catch (const std::bad_alloc&) {
      return target;
    }
  }
  if (session->mode == Mode::kForeign) return target;
  target.session = session;
  target.mode = session->mode;
  return target;
}

void add_session(const Library& library, GnutlsSession handle, bool no_signal) {
  runtime::OwnWork own;
  auto session = std::make_unique<Session>();
  session->library = &library;
  session->session = handle;
  session->no_signal = no_signal;
  std::lock_guard lock(sessions().mutex);
  sessions().by_handle[handle] = std::move(session);
}

void remove_session(GnutlsSession handle) {
  runtime::OwnWork own;
  std::unique_ptr<Session> gone;
  {
    std::lock_guard lock(sessions().mutex);
    auto found = sessions().by_handle.find(handle);
    if (found == sessions().by_handle.end()) return;
    gone = std::move(found->second);
    sessions().by_handle.erase(found);
  }
  if (gone->tap == nullptr) return;
  drain_tap(gone->tap.get(), gone->fd);
}

}  // namespace recshim::ops::gnutls
