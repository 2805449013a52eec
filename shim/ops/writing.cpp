// Writing to sockets: in replay the bytes go to the flow core and nowhere else; in record
// the real call moves them and the core is told. Every form of write comes down to
// `write_through`. The first bytes of a connection decide what it is.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/flow/client_hello.h"
#include "shim/http/codec.h"
#include "shim/ops/libc.h"
#include "shim/ops/lookup_socket.h"
#include "shim/ops/seen_calls.h"
#include "shim/ops/transfer.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/names.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/tls_io.h"

namespace recshim::ops {

using runtime::LockedSocket;
using runtime::OwnWork;
using runtime::Role;
using runtime::Socket;

namespace {

constexpr size_t kCopyBlock_bytes = size_t{64} << 10;

struct BeforeWrite {
  enum { kPass, kConsumed, kFail, kGoLive, kHandOver, kLookup } action = kPass;
  int error = 0;
  size_t consumed_bytes = 0;      // kConsumed
  runtime::Endpoint destination;  // kGoLive
  int family = 0;
  std::string unsent;
  const runtime::TlsTap* tap = nullptr;  // of the TLS session that turns out to be on this socket
  bool is_others = false;                // nothing it sends can be for us any more
};

int first_index(const iovec* vector, int count) {
  int i = 0;
  while (i < count && vector[i].iov_len == 0) ++i;
  return i;
}

std::string_view first_part(const iovec* vector, int count) {
  const int i = first_index(vector, count);
  if (i == count) return {};
  return {static_cast<const char*>(vector[i].iov_base), vector[i].iov_len};
}

// What the bytes of a write ask for.
struct Look {
  int error = 0;           // the write fails
  bool hand_over = false;  // the gateway must be the server, since nobody here could read it
  const runtime::TlsTap* tap = nullptr;  // the session that made them
};

// A record connection's first bytes, which may be TLS that no hooked session made.
Look check_tls_owner(Socket& socket, std::string_view first) {
  if (http::sniff(first) != http::Protocol::kTls) return {};
  if (runtime::in_tls_io()) {
    socket.tls = true;
    return {};
  }
  const auto hello = flow::read_client_hello(first);
  const auto claimed = hello.state == flow::ClientHello::State::kWhole
                           ? runtime::claim_client_hello(hello.random)
                           : std::optional<const runtime::TlsTap*>();
  if (!claimed) {
    if (!runtime::records(socket, hello.server_name)) {
      socket.tls = true;
      socket.record.reset();
      return {};
    }
    // The gateway goes by the name, which may have been another's of the same address.
    const bool is_name =
        !hello.server_name.empty() && !runtime::is_numeric_host(socket.origin.host);
    if (is_name && runtime::may_be_at(hello.server_name, socket.asked)) {
      socket.origin.host = hello.server_name;
    }
    return {0, true};
  }
  socket.tls = true;  // its plaintext is seen where the session is
  return {0, false, *claimed};
}

// The origin that a proxy is asked for, which may know no more than a synthetic address.
http::Origin real_name(http::Origin origin) {
  const auto endpoint = runtime::endpoint_from_text(origin.host, origin.port);
  if (endpoint && endpoint->is_synthetic()) {
    origin.host = runtime::host_of(*endpoint).value_or(origin.host);
  }
  return origin;
}

// The connection to `socket` asks for a configured host: it is refused in replay, and followed
// from here on in record. first: the part of the write that named it.
Look found_named(Socket& socket, const flow::Watch& watch, std::string_view first) {
  const flow::Watch::Named& named = watch.named();
  if (runtime::runtime()->replaying()) {
    const std::string scheme = socket.origin.scheme;
    socket.origin = real_name(named.origin);
    if (socket.origin.scheme.empty()) socket.origin.scheme = scheme;
    return {runtime::refuse(socket, flow::why_refused(named))};
  }
  socket.role = Role::kRecord;
  socket.proxy = named.by_proxy;
  if (!named.by_proxy) {
    socket.origin.host = named.origin.host;
    socket.origin.port = named.origin.port;
  }
  // Once a byte of its TLS has been sent it can't be taken off any more.
  if (named.tls && watch.begun_earlier().empty()) return check_tls_owner(socket, first);
  socket.record = runtime::make_record(socket);
  runtime::record_client_bytes(socket, watch.begun_earlier());
  return {};
}

// A connection to an address nobody looked up, or to another host: what it sends may name a
// configured one.
Look check_watched(Socket& socket, const iovec* vector, int count) {
  if (!socket.watch) {
    socket.watch = std::make_unique<flow::Watch>(
        socket.origin.port,
        [address = runtime::server_address(socket)](const http::Origin& origin, bool direct) {
          return runtime::runtime()->flow_settings.is_configured(real_name(origin),
                                                                 direct ? address : "");
        });
  }
  size_t seen = socket.watched_ahead;
  for (int i = 0; i < count; ++i) {
    std::string_view part{static_cast<const char*>(vector[i].iov_base), vector[i].iov_len};
    const size_t again = std::min(seen, part.size());
    seen -= again;
    part.remove_prefix(again);
    if (part.empty()) continue;
    socket.watched_ahead += part.size();
    if (socket.watch->feed(part) != flow::Watch::Verdict::kNamed) continue;
    if (socket.watch->named().socks && !runtime::runtime()->replaying()) {
      // What goes through it is looked at yet, here or where its TLS is.
      const http::Origin& target = socket.watch->named().origin;
      socket.origin = {socket.origin.scheme, target.host, target.port};
      socket.tunnelled = true;
      continue;
    }
    const auto watch = std::move(socket.watch);
    return found_named(socket, *watch, part);
  }
  return {};
}

// The parts of a write from `from` on go into the program's socket, as many bytes as fit:
// the gateway reads there now.
size_t write_rest(int fd, const iovec* vector, int from, int count) {
  size_t written = 0;
  for (int i = from; i < count; ++i) {
    const ssize_t n =
        sys::send(fd, vector[i].iov_base, vector[i].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) written += static_cast<size_t>(n);
    if (n < 0 || static_cast<size_t>(n) < vector[i].iov_len) break;
  }
  return written;
}

void replay_write(Socket& socket, int fd, const iovec* vector, int count, BeforeWrite& out) {
  out.action = BeforeWrite::kConsumed;
  for (int i = 0; i < count; ++i) {
    if (vector[i].iov_len == 0) continue;
    bool go_live = false;
    out.error = runtime::replay_client_bytes(
        socket, {static_cast<const char*>(vector[i].iov_base), vector[i].iov_len}, &go_live,
        &out.unsent);
    if (out.error != 0) {
      out.action = BeforeWrite::kFail;
      return;
    }
    out.consumed_bytes += vector[i].iov_len;
    if (socket.role == Role::kHandedOver) {
      out.consumed_bytes += write_rest(fd, vector, i + 1, count);
      return;
    }
    if (!go_live) continue;
    out.action = BeforeWrite::kGoLive;
    out.destination = socket.asked;
    out.family = socket.asked_family;
    for (int rest = i + 1; rest < count; ++rest) {
      out.unsent.append(static_cast<const char*>(vector[rest].iov_base), vector[rest].iov_len);
    }
    return;
  }
}

bool is_to_be_looked_at(const Socket& socket) {
  if (socket.tls) return false;
  if (socket.role == Role::kWatched) return !socket.watch || !socket.watch->over();
  return socket.role == Role::kRecord && !socket.client_spoke;
}

BeforeWrite before_write(Socket* socket, int fd, const iovec* vector, int count) {
  BeforeWrite out;
  const OwnWork work;
  {
    const LockedSocket locked(socket, fd);
    if (!locked) return out;
    const std::string_view first = first_part(vector, count);
    if (locked->role == Role::kReplay && locked->write_shut) return out;  // EPIPE by the kernel
    if (locked->role == Role::kReplay && !locked->ended) {
      replay_write(*locked, fd, vector, count, out);
    } else if (locked->role == Role::kReplay) {
      runtime::replay_client_end(*locked);  // the server is gone: so says the kernel now
    } else if (locked->role == Role::kRefused) {
      out.error = locked->failure_errno;
    } else if (locked->role == Role::kLookup) {
      out.action = BeforeWrite::kLookup;
    } else if (is_to_be_looked_at(*locked) && !first.empty()) {
      const Look look = locked->role == Role::kWatched ? check_watched(*locked, vector, count)
                                                       : check_tls_owner(*locked, first);
      locked->client_spoke = true;
      out.error = look.error;
      out.tap = look.tap;
      if (look.hand_over) out.action = BeforeWrite::kHandOver;
      out.is_others = locked->role == Role::kWatched && locked->watch && locked->watch->over() &&
                      locked->rewritten.address == locked->asked.address;
    }
    if (out.error != 0) out.action = BeforeWrite::kFail;
  }
  if (out.tap != nullptr) runtime::settle_tap(fd, out.tap);
  if (out.action == BeforeWrite::kGoLive) forget_socket(fd);
  return out;
}

void after_write(Socket* socket, int fd, const iovec* vector, int count, ssize_t n) {
  const OwnWork work;
  const LockedSocket locked(socket, fd);
  if (!locked) return;
  size_t left = static_cast<size_t>(n);
  if (locked->role == Role::kWatched) {
    locked->watched_ahead -= std::min(locked->watched_ahead, left);
    return;
  }
  if (locked->role != Role::kRecord) return;
  for (int i = 0; i < count && left > 0; ++i) {
    const size_t part = std::min(left, vector[i].iov_len);
    runtime::record_client_bytes(*locked, {static_cast<const char*>(vector[i].iov_base), part});
    left -= part;
  }
}

ssize_t total_size(const iovec* vector, int count) {
  size_t total = 0;
  for (int i = 0; i < count; ++i) total += vector[i].iov_len;
  return static_cast<ssize_t>(total);
}

template <typename RealCall>
ssize_t write_through(int fd, const iovec* vector, int count, const RealCall& call) {
  if (first_index(vector, count) == count && runtime::note_probe(fd)) return 0;
  Socket* socket = runtime::find_socket(fd);
  if (socket == nullptr || runtime::in_own_work()) return call();
  const BeforeWrite before = before_write(socket, fd, vector, count);
  switch (before.action) {
    case BeforeWrite::kConsumed:
      return static_cast<ssize_t>(before.consumed_bytes);
    case BeforeWrite::kHandOver: {
      const int error = hand_over_recorded(fd, first_part(vector, count));
      if (error == 0) {
        return static_cast<ssize_t>(first_part(vector, count).size() +
                                    write_rest(fd, vector, first_index(vector, count) + 1, count));
      }
      real::shutdown(fd, SHUT_RDWR);
      return fail(error);
    }
    case BeforeWrite::kFail:
      real::shutdown(fd, SHUT_RDWR);
      return fail(before.error);
    case BeforeWrite::kGoLive:
      return reconnect_for_real(fd, before.destination, before.family, before.unsent)
                 ? total_size(vector, count)
                 : -1;
    case BeforeWrite::kLookup:
      if (answer_lookup(fd, nullptr, vector, count)) return total_size(vector, count);
      break;
    case BeforeWrite::kPass:
      break;
  }
  const ssize_t n = call();
  if (n > 0) after_write(socket, fd, vector, count, n);
  if (before.is_others) {
    const OwnWork work;
    forget_socket(fd);
  }
  return n;
}

std::optional<runtime::Endpoint> destination_of(const void* address, socklen_t length) {
  if (address == nullptr || runtime::in_own_work()) return std::nullopt;
  return endpoint_asked(address, length);
}

bool concerns_us(const msghdr& message) {
  const auto asked = destination_of(message.msg_name, message.msg_namelen);
  return asked && (refuse_datagram(*asked) || is_lookup(*asked));
}

// MSG_FASTOPEN connects a stream and sends at once; without a cookie of the server's the kernel
// connects first as well. True when fd is connected now; else errno is what the call gives.
// Source: tcp(7), RFC 7413.
bool connect_first(int fd, const void* address, socklen_t length) {
  return ops::connect(fd, static_cast<const sockaddr*>(address), length) == 0;
}

bool opens_fast(int flags, const void* address) {
  return (flags & MSG_FASTOPEN) != 0 && address != nullptr && !runtime::in_own_work();
}

// What becomes of a datagram to an address.
enum class Datagram { kSent, kAnswered, kRefused };

Datagram send_to(int fd, const void* address, socklen_t length, const iovec* vector, int count) {
  const auto asked = destination_of(address, length);
  if (asked && refuse_datagram(*asked)) return Datagram::kRefused;
  const bool answered = asked && is_lookup(*asked) && answer_lookup(fd, &*asked, vector, count);
  return answered ? Datagram::kAnswered : Datagram::kSent;
}

// Writes everything: the source has given the bytes away and can't take them back.
ssize_t write_all(int fd, const char* bytes, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = write(fd, bytes + done, size - done);
    if (n > 0) {
      done += static_cast<size_t>(n);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      pollfd ready{fd, POLLOUT, 0};
      poll(&ready, 1, -1);
      continue;
    }
    return done > 0 ? static_cast<ssize_t>(done) : -1;
  }
  return static_cast<ssize_t>(done);
}

// sendfile(2) to a socket of ours, by copying: the core must see the bytes.
ssize_t copy_file(int out_fd, int in_fd, off_t* offset, size_t size) {
  std::string block(std::min(size, kCopyBlock_bytes), '\0');
  size_t done = 0;
  while (done < size) {
    const size_t wanted = std::min(block.size(), size - done);
    const off_t at = offset != nullptr ? *offset : lseek(in_fd, 0, SEEK_CUR);
    const ssize_t got = pread(in_fd, block.data(), wanted, at);
    if (got <= 0) return got < 0 && done == 0 ? -1 : static_cast<ssize_t>(done);
    const ssize_t put = write(out_fd, block.data(), static_cast<size_t>(got));
    if (put < 0) return done == 0 ? -1 : static_cast<ssize_t>(done);
    done += static_cast<size_t>(put);
    if (offset != nullptr) {
      *offset += put;
    } else {
      lseek(in_fd, at + put, SEEK_SET);
    }
    if (put < got) break;
  }
  return static_cast<ssize_t>(done);
}

size_t pipe_room(int fd) {
  const int capacity = real::fcntl(fd, F_GETPIPE_SZ, 0);
  int used = 0;
  if (capacity <= 0 || sys::call(SYS_ioctl, fd, FIONREAD, sys::arg(&used)) != 0)
    return kCopyBlock_bytes;
  return capacity > used ? static_cast<size_t>(capacity - used) : 0;
}

}  // namespace

ssize_t write(int fd, const void* buffer, size_t size) {
  const iovec one{const_cast<void*>(buffer), size};
  return write_through(fd, &one, 1, [&] { return real::write(fd, buffer, size); });
}

ssize_t writev(int fd, const iovec* vector, int count) {
  return write_through(fd, vector, count, [&] { return real::writev(fd, vector, count); });
}

ssize_t send(int fd, const void* buffer, size_t size, int flags) {
  const iovec one{const_cast<void*>(buffer), size};
  return write_through(fd, &one, 1, [&] { return real::send(fd, buffer, size, flags); });
}

ssize_t sendto(int fd, const void* buffer, size_t size, int flags, const sockaddr* address,
               socklen_t length) {
  if (opens_fast(flags, address)) {
    return connect_first(fd, address, length) ? send(fd, buffer, size, flags & ~MSG_FASTOPEN) : -1;
  }
  const iovec one{const_cast<void*>(buffer), size};
  const Datagram datagram = send_to(fd, address, length, &one, 1);
  if (datagram == Datagram::kRefused) return fail(ECONNREFUSED);
  if (datagram == Datagram::kAnswered) return static_cast<ssize_t>(size);
  return write_through(fd, &one, 1,
                       [&] { return sendto_seen(fd, buffer, size, flags, address, length); });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  if (message == nullptr) return real::sendmsg(fd, message, flags);
  if (opens_fast(flags, message->msg_name)) {
    if (!connect_first(fd, message->msg_name, message->msg_namelen)) return -1;
    msghdr connected = *message;
    connected.msg_name = nullptr;
    connected.msg_namelen = 0;
    return ops::sendmsg(fd, &connected, flags & ~MSG_FASTOPEN);
  }
  const int count = static_cast<int>(message->msg_iovlen);
  const Datagram datagram =
      send_to(fd, message->msg_name, message->msg_namelen, message->msg_iov, count);
  if (datagram == Datagram::kRefused) return fail(ECONNREFUSED);
  if (datagram == Datagram::kAnswered) return total_size(message->msg_iov, count);
  return write_through(fd, message->msg_iov, count,
                       [&] { return sendmsg_seen(fd, message, flags); });
}

int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  const bool ours = runtime::find_socket(fd) != nullptr && !runtime::in_own_work();
  if (!ours && !(count > 0 && concerns_us(messages[0].msg_hdr))) {
    return real::sendmmsg(fd, messages, count, flags);
  }
  unsigned done = 0;
  for (; done < count; ++done) {
    const ssize_t n = ops::sendmsg(fd, &messages[done].msg_hdr, flags);
    if (n < 0) break;
    messages[done].msg_len = static_cast<unsigned>(n);
  }
  return done > 0 || count == 0 ? static_cast<int>(done) : -1;
}

ssize_t sendfile(int out_fd, int in_fd, off_t* offset, size_t size) {
  if (runtime::find_socket(out_fd) == nullptr || runtime::in_own_work()) {
    return real::sendfile(out_fd, in_fd, offset, size);
  }
  return copy_file(out_fd, in_fd, offset, size);
}

ssize_t sendfile64(int out_fd, int in_fd, off_t* offset, size_t size) {
  return sendfile(out_fd, in_fd, offset, size);
}

ssize_t splice(int in_fd, off64_t* in_offset, int out_fd, off64_t* out_offset, size_t size,
               unsigned flags) {
  const bool from_ours = runtime::find_socket(in_fd) != nullptr;
  const bool to_ours = runtime::find_socket(out_fd) != nullptr;
  if ((!from_ours && !to_ours) || runtime::in_own_work() || size == 0) {
    return real::splice(in_fd, in_offset, out_fd, out_offset, size, flags);
  }
  if (in_offset != nullptr || out_offset != nullptr) return fail(ESPIPE);
  size_t wanted = std::min(size, kCopyBlock_bytes);
  if (from_ours) {
    const size_t room = pipe_room(out_fd);
    if (room == 0 && (flags & SPLICE_F_NONBLOCK) != 0) return fail(EAGAIN);
    if (room > 0) wanted = std::min(wanted, room);
  }
  std::string block(wanted, '\0');
  const ssize_t got = read(in_fd, block.data(), block.size());
  if (got <= 0) return got;
  return write_all(out_fd, block.data(), static_cast<size_t>(got));
}

}  // namespace recshim::ops
