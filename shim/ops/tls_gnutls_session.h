// What recshim knows about one GnuTLS session, from gnutls_init to gnutls_deinit, and the
// decision whose it is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "shim/ops/tls_gnutls_api.h"
#include "shim/ops/tls_taps.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::ops::gnutls {

enum class Mode : uint8_t { kUndecided, kForeign, kVirtual, kTap, kRefused };

// Threads: as GnuTLS asks for the session itself, plus a drain from close(2), which
// TappedSession keeps apart from the program's calls.
struct Session final : TappedSession {
  const Library* library = nullptr;
  GnutlsSession session = nullptr;
  Mode mode = Mode::kUndecided;

  // What the program set: GnuTLS does not tell it back.
  std::string server_name;
  std::vector<std::string> alpn;  // offered by us once it is decided whose session it is
  unsigned alpn_flags = 0;
  void* receive_pointer = nullptr;
  void* send_pointer = nullptr;
  PushFunction push = nullptr;
  VecPushFunction vec_push = nullptr;
  PullFunction pull = nullptr;
  ErrnoFunction errno_function = nullptr;
  int transport_errno = 0;  // gnutls_transport_set_errno, during a push or pull
  bool no_signal = false;

  // kVirtual
  std::string host;
  std::shared_ptr<runtime::VirtualConnection> connection;
  std::string certificate;  // DER
  Datum peer{};             // over certificate
  bool corked = false;
  bool writing = false;  // the last operation was a write (record_get_direction)
  std::string unsent;    // taken, not through yet
  size_t repeat = 0;     // size of the send the program must repeat

  // kTap
  std::shared_ptr<runtime::TlsTap> tap;
  int fd = -1;  // the socket, as far as it could be told
  bool hello_noted = false;
  bool end_told = false;
  std::string pushback;  // drained, not read by the program yet
  size_t pushback_start = 0;

  ~Session();
  void drain(int fd) override;
  void close_tap();  // idempotent. REQUIRES: OwnWork.
  [[nodiscard]] size_t pushed_back() const { return pushback.size() - pushback_start; }
  size_t take_pushback(void* buffer, size_t size);
  // The socket, when GnuTLS itself reads it; else -1.
  [[nodiscard]] int plain_fd() const;
};

// Trivially destructible: may live across real calls.
struct Target {
  const GnutlsApi* api = nullptr;  // null: no original was found
  Session* session = nullptr;      // null unless ours
  Mode mode = Mode::kForeign;
};

// decide: this is an operation that starts the session (handshake).
Target find_session(const void* caller, GnutlsSession session, bool decide);
// Our record of a session whatever its mode, or null; for what the program sets up.
Session* find_record(const void* caller, GnutlsSession session, const GnutlsApi** api);

void add_session(const Library& library, GnutlsSession session, bool no_signal);
void remove_session(GnutlsSession session);

}  // namespace recshim::ops::gnutls
