// OpenSSL's functions as this library sees them: opaque types, the originals behind the
// hooks, and what else the operations call. No OpenSSL header is included and nothing of
// it is linked: each copy of libssl in the process has its own table of pointers.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "shim/ops/tls_libraries.h"

// The tag names are OpenSSL's own, so these are its types to a debugger too.
struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct bio_st;
struct bio_method_st;
struct x509_st;
struct ossl_lib_ctx_st;
struct crypto_ex_data_st;

namespace recshim::ops::openssl {

using SSL = ::ssl_st;
using SSL_CTX = ::ssl_ctx_st;
using SSL_SESSION = ::ssl_session_st;
using BIO = ::bio_st;
using BIO_METHOD = ::bio_method_st;
using X509 = ::x509_st;
using OSSL_LIB_CTX = ::ossl_lib_ctx_st;
struct OpensslStack;  // STACK_OF(…), whatever is in it

using BioRead = int (*)(BIO*, char*, size_t, size_t*);
using BioWrite = int (*)(BIO*, const char*, size_t, size_t*);
using BioPuts = int (*)(BIO*, const char*);
using BioGets = int (*)(BIO*, char*, int);
using BioCtrl = long (*)(BIO*, int, long, void*);
using BioLife = int (*)(BIO*);
using BioInfo = int (*)(BIO*, int, int);
using BioCallbackCtrl = long (*)(BIO*, int, BioInfo);
using ExFree = void (*)(void* parent, void* item, crypto_ex_data_st* data, int index, long, void*);
using ExDup = int (*)(crypto_ex_data_st* to, const crypto_ex_data_st* from, void* item, int index,
                      long, void*);

// Values of OpenSSL's headers, the same in 1.1.1 and 3.x.
inline constexpr int kErrorNone = 0, kErrorSsl = 1, kErrorWantRead = 2, kErrorWantWrite = 3,
                     kErrorSyscall = 5, kErrorZeroReturn = 6, kErrorWantConnect = 7,
                     kErrorWantAccept = 8;
inline constexpr int kNothing = 1, kWriting = 2, kReading = 3;
inline constexpr int kSentShutdown = 1, kReceivedShutdown = 2;
inline constexpr int kCtrlMode = 33;  // SSL_CTRL_MODE
inline constexpr long kModePartialWrite = 1;
inline constexpr int kStateOk = 1;  // TLS_ST_OK
inline constexpr int kTls13 = 0x0304;
inline constexpr long kVerifyOk = 0;                      // X509_V_OK
inline constexpr uint64_t kIgnoreUnexpectedEof = 1 << 7;  // SSL_OP_IGNORE_UNEXPECTED_EOF
inline constexpr int kBioEof = 2;                         // BIO_CTRL_EOF
inline constexpr int kLibSsl = 20;                        // ERR_LIB_SSL
inline constexpr int kUnexpectedEof = 294;                // SSL_R_UNEXPECTED_EOF_WHILE_READING
inline constexpr int kBioMem = 0x0401, kBioPair = 0x0413, kBioConnect = 0x050c, kBioSsl = 0x0207;
inline constexpr int kBioFlagRead = 1, kBioFlagWrite = 2, kBioFlagSpecial = 4, kBioFlagsAll = 7,
                     kBioFlagRetry = 8;
inline constexpr int kBioReset = 1, kBioPending = 10, kBioGetKtlsRecv = 76,
                     kBioDoStateMachine = 101, kBioGetSsl = 110, kBioSetMemEof = 130;
inline constexpr int kBioReasonConnect = 2, kBioReasonAccept = 3;
inline constexpr int kExIndexSsl = 0, kExIndexSslCtx = 1;

// One copy of OpenSSL. A pointer is null where that copy lacks the function.
struct OpensslApi {
#define RECSHIM_HOOK(ret, name, params, args) ret(*name) params = nullptr;
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) ret(*name) params = nullptr;
#include "shim/ops/tls_openssl_uses.def"
#undef RECSHIM_USE
};

// What virtual connections to a host show as negotiated. Kept for the process's life.
struct ShownSession {
  std::string host;
  SSL_SESSION* session = nullptr;
};

struct Library {
  OpensslApi api;
  const void* base = nullptr;  // where it is loaded; tells copies apart
  bool usable = false;         // has all that virtual TLS and taps need
  // Indices for our state in its objects; -1 until first wanted.
  mutable std::atomic<int> ssl_index{-1};
  mutable std::atomic<int> context_index{-1};
  // For the first hosts that are asked for; filled from the front, and never changed.
  mutable std::array<std::atomic<const ShownSession*>, 16> shown{};
  Library* next = nullptr;
};

using Found = FoundLibrary<Library>;
// As TlsLibraries::find, of and note.
Found find_library(const void* caller);
const Library* library_of(const void* address);
void note_library(const void* symbol);
// The original of a libcrypto function that `caller` calls, which may know no libssl.
// sites: what is known for this function; one function's alone, for libcrypto jumps from
// one to another, and both then see the same return address.
void* find_crypto(CallSites& sites, const void* caller, const char* name);

// Our state for an SSL or SSL_CTX, and where it is put; `item` is freed with the object.
void* get_state(const Library& library, const SSL* ssl);
bool set_state(const Library& library, SSL* ssl, void* item, ExFree destroy);
void* get_context_state(const Library& library, const SSL_CTX* context);
bool set_context_state(const Library& library, SSL_CTX* context, void* item, ExFree destroy);

}  // namespace recshim::ops::openssl
