// What recshim knows about one SSL object, and the decision whose it is. Owned by the SSL
// object itself (its ex_data): it lives exactly as long, and asking for it takes no lock.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "shim/ops/tls_openssl_api.h"
#include "shim/ops/tls_taps.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::ops::openssl {

enum class Mode : uint8_t {
  kUndecided,  // no handshake yet
  kForeign,    // not ours: real functions only
  kVirtual,    // replay: plaintext through the program's BIOs
  kTap,        // record: the real session, listened to
  kRefused     // fails as a refused connection would
};

// Threads: as OpenSSL asks for the SSL object itself, plus a drain from close(2), which
// TappedSession keeps apart from the program's calls.
struct Session final : TappedSession {
  const Library* library = nullptr;
  SSL* ssl = nullptr;
  Mode mode = Mode::kUndecided;
  int references = 1;               // the program's, as our hooks saw them
  std::optional<std::string> alpn;  // wire list set on this object (else its context's)
  int last_error = kErrorNone;      // SSL_get_error's answer where it is ours to give
  // Bytes the program has not read yet though they left the BIO (peeked or drained).
  std::string pushback;
  size_t pushback_start = 0;

  // kVirtual
  std::string host;
  std::string_view selected_protocol;  // of a virtual session
  int shutdown = 0;
  std::shared_ptr<runtime::VirtualConnection> connection;
  bool ended = false;             // the transport gave its end
  size_t write_done = 0;          // of a write that the program must repeat
  SSL_SESSION* shown = nullptr;   // what the object shows as negotiated; kRefused too
  OpensslStack* chain = nullptr;  // its certificate, which is shown's

  // kTap
  std::shared_ptr<runtime::TlsTap> tap;
  int fd = -1;
  bool hello_noted = false;
  bool end_told = false;

  ~Session();
  void drain(int fd) override;
  void close_tap();  // idempotent. REQUIRES: OwnWork.
  // Back to kUndecided, keeping what the program configured. REQUIRES: OwnWork.
  void reset();
  [[nodiscard]] size_t pushed_back() const { return pushback.size() - pushback_start; }
  void drop_shown();
  // Gives at most size bytes of pushback to the program.
  size_t take_pushback(void* buffer, size_t size, bool keep);
};

// What a hook has to work with: trivially destructible, so it may live across real calls.
struct Target {
  const OpensslApi* api = nullptr;  // null: no original was found, fail through the API
  Session* session = nullptr;       // null unless mode says it is ours
  Mode mode = Mode::kForeign;
};

enum class Entry : uint8_t {
  kLook,     // only asks: never decides
  kConnect,  // SSL_connect: a client by its name
  kImplied   // handshake, read or write: a client if its state says so
};

// The session behind ssl as seen from a call at `caller`; decides when it is the first
// operation. A session waiting for its connect BIO stays kUndecided, with last_error set.
Target find_session(const void* caller, const SSL* ssl, Entry entry);
// The same where the library is known (a BIO's method).
Target find_session(const Library& library, const SSL* ssl, Entry entry);
// The session of an object not decided yet, made if need be. Null: not to be had.
// REQUIRES: OwnWork.
Session* make_session(const Library& library, SSL* ssl);
// A BIO that only holds bytes: no socket is behind it. curl's own BIO claims the memory
// BIO's type, so its name is looked at too.
bool is_memory_bio(const OpensslApi& api, const BIO* bio);
// What SSL_set_alpn_protos and SSL_CTX_set_alpn_protos were given. REQUIRES: OwnWork.
void remember_alpn(const Library& library, SSL* ssl, std::string wire);
void remember_alpn(const Library& library, SSL_CTX* context, std::string wire);

}  // namespace recshim::ops::openssl
