// See tls_gate.h.
#include "shim/runtime/tls_gate.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <utility>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/endpoint.h"
#include "shim/flow/first_bytes.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"
#include "shim/runtime/tls_io.h"
#include "shim/runtime/tls_taps.h"

namespace recshim::runtime {
namespace {

thread_local int tls_io_depth __attribute__((tls_model("initial-exec"))) = 0;
thread_local bool probing __attribute__((tls_model("initial-exec"))) = false;
thread_local int probed_fd __attribute__((tls_model("initial-exec"))) = -1;

// ClientHellos that memory-BIO sessions made and no socket has carried yet. A ring: a
// hello that is never sent is forgotten in time.
struct Hello {
  std::array<unsigned char, 32> random{};
  const TlsTap* tap = nullptr;  // of its session; only compared
};
struct Hellos {
  ForkMutex mutex{LockRank::kHellos};
  std::array<Hello, 256> ring{};
  size_t next = 0;
};

// First plaintext of virtual sessions whose socket is not known yet. A ring, as above.
struct Beginnings {
  struct Beginning {
    std::string words;
    std::shared_ptr<VirtualConnection> connection;
  };
  ForkMutex mutex{LockRank::kBeginnings};
  std::array<Beginning, 256> ring{};
  size_t next = 0;
};

constexpr size_t kFirstWords_bytes = 256;

Beginnings& beginnings() {
  return lasting<[] { return new Beginnings; }>();
}

Hellos& hellos() {
  return lasting<[] { return new Hellos; }>();
}

TlsVerdict refusal(const std::string& host, const std::string& reason) {
  TlsVerdict verdict;
  verdict.action = TlsAction::kRefuse;
  verdict.host = host;
  verdict.reason = reason;
  runtime()->exchanges->refused("https://" + host, host, reason);
  return verdict;
}

// The origin of a session on a connection made to `connected`: the name the program wants
// to talk to (SNI) goes before the one it looked up.
http::Origin session_origin(const http::Origin& connected, const std::string& sni) {
  http::Origin origin = connected;
  origin.scheme = "https";
  if (!sni.empty()) origin.host = sni;
  return origin;
}

constexpr const char* kExcluded =
    "RECSHIM_HOSTS excludes it, but not what the program connected to; exclude that, too";

// REQUIRES: socket is locked.
void put_on(Socket& socket, VirtualConnection& connection) {
  const http::Origin origin = session_origin(socket.origin, connection.host);
  if (socket.origin != origin) socket.replay->set_origin(origin);
  if (!connection.host.empty()) socket.replay->set_address("", nullptr);
  socket.origin = origin;
  socket.tls = true;
  connection.socket.store(&socket);
}

// The slot of a connection, or null. Slots are never unmapped; one that serves another
// connection by now says as much.
Socket* slot_of(const VirtualConnection* connection) {
  const void* socket = connection != nullptr ? connection->socket.load() : nullptr;
  return static_cast<Socket*>(const_cast<void*>(socket));
}

// sure: the session is known to be on this socket. Otherwise its first bytes tell which it is
// (claim_first_words, settle_tap).
TlsVerdict decide_on(Socket& socket, const std::string& sni, AlpnOffer alpn, bool sure) {
  TlsVerdict verdict;
  const http::Origin origin = session_origin(socket.origin, sni);
  verdict.host = origin.host;
  const auto& hosts = *runtime()->hosts;
  const bool configured = hosts.configured(origin.host, origin.port, server_address(socket));
  if (socket.role == Role::kReplay) {
    if (hosts.excluded(origin.host, origin.port)) return refusal(origin.host, kExcluded);
    if (alpn == AlpnOffer::kOnlyOther) return refusal(origin.host, flow::kNoKnownProtocol);
    verdict.action = TlsAction::kVirtual;
    verdict.connection = std::make_shared<VirtualConnection>();
    verdict.connection->host = sni;
    if (sure) put_on(socket, *verdict.connection);
    return verdict;
  }
  if (socket.role == Role::kWatched && configured && runtime()->replaying()) {
    return refusal(origin.host, flow::why_refused({}));
  }
  if (socket.role == Role::kRecord && !records(socket, sni)) {
    if (sure) {
      socket.tls = true;
      socket.record.reset();
    }
    return verdict;
  }
  const bool watched_and_named = socket.role == Role::kWatched && configured;
  if (socket.role == Role::kRecord || watched_and_named) {
    if (alpn == AlpnOffer::kOnlyOther) {
      leave_unrecorded(origin, flow::kNoKnownProtocol);
      socket.tls = true;
      return verdict;
    }
    if (sure) {
      socket.origin = origin;
      socket.tls = true;
      socket.record.reset();
    }
    verdict.tap = socket.tap = make_tap(make_session_record(socket, origin, !sni.empty()));
    verdict.action = TlsAction::kTap;
  }
  return verdict;
}

// The oldest connection of ours, before the first byte, that suits; one to the port of plain HTTP
// last. watched: it may be one that another host's name was guessed for.
template <typename Suits>
Socket* find_untouched(Suits suits, bool watched = false) {
  constexpr uint16_t kHttpPort = 80;
  using Place = std::pair<bool, uint64_t>;
  Socket* found = nullptr;
  Place best;
  for_each_socket([&](Socket& socket) {
    const bool ours = socket.role == Role::kReplay || socket.role == Role::kRecord ||
                      (watched && socket.role == Role::kWatched);
    if (ours && !socket.tls && !socket.client_spoke && socket.tap == nullptr && suits(socket)) {
      const Place place{socket.origin.port == kHttpPort, socket.number};
      if (found != nullptr && best < place) return;
      found = &socket;
      best = place;
    }
  });
  return found;
}

// The connection of a session without a visible socket: one to that host that has carried
// nothing.
Socket* find_for_session(const std::string& sni) {
  const auto any = [](const Socket&) { return true; };
  if (sni.empty()) return find_untouched(any);
  auto* socket = find_untouched([&](const Socket& each) { return each.origin.host == sni; });
  if (socket != nullptr) return socket;
  if (runtime()->recording()) {
    // Its address was looked up for another host since.
    const auto knows = [&](const Socket& each) {
      return !server_address(each).empty() && !is_numeric_host(each.origin.host) &&
             may_be_at(sni, each.asked);
    };
    socket = find_untouched(knows, /*watched=*/true);
    if (socket != nullptr) return socket;
  }
  // The name may have been looked up where we could not see; one that is configured may
  // be on any of our untouched connections.
  if (runtime()->hosts->configured(sni, 0)) return find_untouched(any);
  // Any other may be on one to a configured address. In replay such a guess could send what
  // another connection carries unencrypted.
  if (runtime()->config.mode != control::Mode::kRecord) return nullptr;
  return find_untouched([](const Socket& each) {
    return control::endpoint_from_text(each.origin.host, each.origin.port).has_value();
  });
}

}  // namespace

bool tls_active() {
  auto* self = runtime();
  return self != nullptr && self->config.mode != control::Mode::kLive;
}

TlsVerdict decide_tls(int fd, const std::string& sni, AlpnOffer alpn) {
  if (!tls_active()) return {};
  const OwnWork work;
  if (fd >= 0) {
    Socket* socket = find_socket(fd);
    if (socket == nullptr) return {};
    const LockedSocket locked(socket, fd);
    return locked ? decide_on(*locked, sni, alpn, true) : TlsVerdict{};
  }
  Socket* socket = find_for_session(sni);
  if (socket == nullptr) return {};
  const std::lock_guard lock(socket->mutex);
  return decide_on(*socket, sni, alpn, false);
}

VirtualEnd virtual_end(const VirtualConnection* connection) {
  Socket* socket = slot_of(connection);
  if (socket == nullptr) return VirtualEnd::kOpen;
  const OwnWork work;
  const std::lock_guard lock(socket->mutex);
  if (socket->role == Role::kHandedOver) {
    char next = 0;
    const ssize_t n = sys::recv(fd_of(*socket), &next, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 ? VirtualEnd::kAnnounced : VirtualEnd::kOpen;
  }
  if (socket->role != Role::kReplay) return VirtualEnd::kAnnounced;
  if (!socket->ended || socket->in_kernel > 0) return VirtualEnd::kOpen;
  return socket->ragged ? VirtualEnd::kRagged : VirtualEnd::kAnnounced;
}

bool close_notify_has_come(const VirtualConnection* connection) {
  Socket* socket = slot_of(connection);
  if (socket == nullptr) return false;
  const OwnWork work;
  const std::lock_guard lock(socket->mutex);
  return socket->role == Role::kReplay && socket->ended && socket->announced &&
         socket->in_kernel == 0;
}

void begin_virtual(const std::shared_ptr<VirtualConnection>& connection,
                   std::string_view first_words) {
  if (connection == nullptr || connection->socket.load() != nullptr || first_words.empty()) return;
  if (connection->begun.exchange(true)) return;
  const OwnWork work;
  const std::lock_guard lock(beginnings().mutex);
  auto& place = beginnings().ring[beginnings().next++ % beginnings().ring.size()];
  place.words = first_words.substr(0, kFirstWords_bytes);
  place.connection = connection;
}

std::shared_ptr<VirtualConnection> claim_first_words(std::string_view words) {
  const std::lock_guard lock(beginnings().mutex);
  auto& ring = beginnings().ring;
  for (size_t i = 0; i < ring.size(); ++i) {  // the oldest first
    auto& place = ring[(beginnings().next + i) % ring.size()];
    const size_t size = std::min(words.size(), place.words.size());
    if (place.connection == nullptr || words.substr(0, size) != place.words.substr(0, size)) {
      continue;
    }
    return std::exchange(place.connection, nullptr);
  }
  return nullptr;
}

void adopt_virtual(Socket& socket, std::string_view first_words) {
  constexpr uint16_t kHttpPort = 80;
  if (socket.origin.port == kHttpPort) return;  // it speaks for itself
  if (const auto connection = claim_first_words(first_words)) put_on(socket, *connection);
}

void begin_fd_probe() {
  probing = true;
  probed_fd = -1;
}

int end_fd_probe() {
  probing = false;
  return probed_fd;
}

bool may_be_inside_tls() {
  bool found = false;
  const OwnWork work;
  for_each_socket([&](Socket& socket) { found = found || socket.tls; });
  return found;
}

bool note_probe(int fd) {
  if (!probing) return false;
  probed_fd = fd;
  return true;
}

void enter_tls_io() {
  ++tls_io_depth;
}
void leave_tls_io() {
  --tls_io_depth;
}
bool in_tls_io() {
  return tls_io_depth > 0;
}

void note_client_hello(const unsigned char random[32], const TlsTap* tap) {
  const OwnWork work;
  const std::lock_guard lock(hellos().mutex);
  Hello& hello = hellos().ring[hellos().next++ % hellos().ring.size()];
  std::memcpy(hello.random.data(), random, hello.random.size());
  hello.tap = tap;
}

std::optional<const TlsTap*> claim_client_hello(const std::array<unsigned char, 32>& random) {
  const std::lock_guard lock(hellos().mutex);
  for (Hello& hello : hellos().ring) {
    if (hello.random != random) continue;
    hello.random.fill(0);
    return hello.tap;
  }
  return std::nullopt;
}

void settle_tap(int fd, const TlsTap* tap) {
  Socket* carrier = find_socket(fd);
  if (carrier == nullptr || tap == nullptr) return;
  Socket* guessed = nullptr;
  std::shared_ptr<TlsTap> moved;
  for_each_socket([&](Socket& socket) {
    if (socket.tap.get() != tap || &socket == carrier) return;
    guessed = &socket;
    moved = std::move(socket.tap);
  });
  if (guessed == nullptr) return;
  {
    const LockedSocket locked(carrier, fd);
    if (!locked) return;
    std::swap(locked->tap, moved);
  }
  // The carrier had been taken for another session's.
  const std::lock_guard lock(guessed->mutex);
  if (guessed->role == Role::kRecord && guessed->tap == nullptr) guessed->tap = std::move(moved);
}

}  // namespace recshim::runtime
