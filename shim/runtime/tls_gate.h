// Where the TLS operations meet the runtime: whose TLS session is this, and what is to be
// done with it. Knows hosts and connections; does not know OpenSSL or GnuTLS.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"

namespace recshim::runtime {

enum class TlsAction {
  kLeaveAlone,  // not ours: call the real function and look no further
  kVirtual,     // replay: no handshake; plaintext passes through the program's BIOs or transport
  kTap,         // record: the real TLS, and the tap is told what passes
  kRefuse,      // fail the handshake with the API's own error; `reason` has been reported
};

// Listens to one TLS session in record mode. Each method may be called from any thread,
// keeps errno, never throws, and takes its lock only for the time of the call (never
// while a real function runs).
class TlsTap {
 public:
  virtual ~TlsTap() = default;
  virtual void on_written(const void* bytes, size_t n) = 0;  // plaintext SSL_write took
  virtual void on_read(const void* bytes,
                       size_t n) = 0;           // plaintext SSL_read returned (not peeked)
  virtual void on_read_end(flow::End end) = 0;  // close_notify, EOF or reset
  virtual void on_close() = 0;                  // SSL_shutdown/SSL_free: idempotent
  // What is left unread when the program closes is worth draining (a stream whose end
  // marker may have come): true while a response is under way.
  virtual bool wants_drain() = 0;
};

// What the client offers. kHasHttp2: not http/1.1, which goes before it.
enum class AlpnOffer { kNone, kHasHttp11, kHasHttp2, kOnlyOther };

// What a virtual session is on. Its socket is null until known: memory BIOs show none, and the
// first plaintext tells (begin_virtual).
struct VirtualConnection {
  std::atomic<const void*> socket{nullptr};
  std::atomic<bool> begun{false};  // its first plaintext is known
  std::string host;                // of the session
};

struct TlsVerdict {
  TlsAction action = TlsAction::kLeaveAlone;
  std::string host;                               // for the synthetic certificate
  std::string reason;                             // kRefuse
  std::shared_ptr<TlsTap> tap;                    // kTap
  std::shared_ptr<VirtualConnection> connection;  // kVirtual
};

// False while nothing TLS can be ours in this process (mode live without anything to do,
// configuration absent): hooks then go straight to the real function. One relaxed load.
bool tls_active();

// Decides for a session at its (first, perhaps implicit) handshake.
// fd:  the session's socket, or -1 where only memory or custom BIOs are known.
// sni: lower case, empty if none. alpn: kOnlyOther makes record leave it alone (with a
//      warning) and replay refuse it.
TlsVerdict decide_tls(int fd, const std::string& sni, AlpnOffer alpn);

// How a virtual session's connection stands once its transport gives no more.
enum class VirtualEnd {
  kOpen,
  kAnnounced,  // as by close_notify, and the program has had every byte
  kRagged      // the recorded connection ended without close_notify
};
// connection: TlsVerdict::connection, or null. One that is gone has ended, announced.
VirtualEnd virtual_end(const VirtualConnection* connection);
// Whether all has been read and the orderly end is next. Live, the record that announces it most
// often comes with the last bytes; who moves bytes into a memory BIO would meet it only later.
bool close_notify_has_come(const VirtualConnection* connection);
// A virtual session is about to write: whichever socket carries its first plaintext is its.
void begin_virtual(const std::shared_ptr<VirtualConnection>& connection,
                   std::string_view first_words);

// Finds the socket under a custom transport: between these two calls the socket hooks note where
// this thread writes nothing, or reads; end_fd_probe gives that fd or -1. While probing, a hooked
// write of nothing is done at once, and a hooked read fails with EAGAIN.
void begin_fd_probe();
int end_fd_probe();
// Some connection of ours carries TLS, so that a session may be another's content.
bool may_be_inside_tls();

// Bytes that this thread writes to sockets between these are TLS records of a hooked
// session, not a program's own TLS. Nestable; plain counters, no destructor.
void enter_tls_io();
void leave_tls_io();
// A memory-BIO session made a ClientHello with this random (RFC 8446 §4.1.2): the socket
// that carries it later is ours.
void note_client_hello(const unsigned char random[32], const TlsTap* tap);

}  // namespace recshim::runtime
