// GnuTLS's functions as this library sees them: opaque types, the originals behind the
// hooks, and what else the operations call. No GnuTLS header is included and nothing of it
// is linked.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>

#include "shim/ops/tls_libraries.h"

struct gnutls_session_int;
struct mbuffer_st;

namespace recshim::ops::gnutls {

using GnutlsSession = ::gnutls_session_int*;
using GnutlsPacket = ::mbuffer_st*;
struct Datum {  // gnutls_datum_t
  unsigned char* data;
  unsigned size;
};
using PushFunction = ssize_t (*)(void*, const void*, size_t);
using VecPushFunction = ssize_t (*)(void*, const iovec*, int);
using PullFunction = ssize_t (*)(void*, void*, size_t);
using ErrnoFunction = int (*)(void*);

// Values of GnuTLS's headers.
inline constexpr int kSuccess = 0, kInvalidSession = -10, kAgain = -28, kInterrupted = -52,
                     kPushError = -53, kPullError = -54, kNotAvailable = -56, kPrematureEnd = -110,
                     kUnimplemented = -1250;
inline constexpr unsigned kFlagClient = 2, kFlagDatagram = 4, kFlagNoSignal = 64;
inline constexpr int kServerNameDns = 1, kCertificateX509 = 1, kCredentialCertificate = 1;
inline constexpr int kTls13 = 5, kAes256Gcm = 11, kEcdheEcdsa = 13, kMacAead = 200;

struct GnutlsApi {
#define RECSHIM_HOOK(ret, name, params, args) ret(*name) params = nullptr;
#include "shim/hooks/gnutls.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) ret(*name) params = nullptr;
#include "shim/ops/tls_gnutls_uses.def"
#undef RECSHIM_USE
  void* (**gnutls_malloc)(size_t) = nullptr;  // a variable of theirs
};

// A loaded copy of GnuTLS.
struct Library {
  GnutlsApi api;
  const void* base = nullptr;
  bool usable = false;
  Library* next = nullptr;
};

using Found = FoundLibrary<Library>;
// As TlsLibraries::find and note.
Found find_library(const void* caller);
void note_library(const void* symbol);

}  // namespace recshim::ops::gnutls
