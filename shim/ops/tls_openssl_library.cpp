// Finds and binds the copies of OpenSSL in the process (tls_openssl_api.h). Owns their
// tables, which live as long as the process; must not know what the hooks do with them.
#include <dlfcn.h>

#include <memory>

#include "shim/ops/tls_openssl_api.h"
#include "shim/ops/tls_resolve.h"

namespace recshim::ops::openssl {
namespace {

// A function every libssl has and every user of one binds.
constexpr char kMarker[] = "SSL_read";

// No lock guards these: looking a symbol up takes the loader's lock, and a thread that
// holds that one (a constructor run by dlopen) may be waiting in a hook of ours.
std::atomic<Library*> libraries{nullptr};
std::atomic<const Library*> noted{nullptr};
CallSites ssl_sites;

// Notes beside a call site's library.
constexpr uintptr_t kInternalCall = 1, kOwnCall = 2;

// The copy this thread last called. When an original leaves by a jump for another public
// function, that one's hook is called as if by us, which does not tell whose it is.
thread_local const Library* latest __attribute__((tls_model("initial-exec"))) = nullptr;

Library* find_loaded(const void* base) {
  Library* library = libraries.load(std::memory_order_acquire);
  while (library != nullptr && library->base != base) library = library->next;
  return library;
}

const void* base_of(const void* address) {
  Dl_info info;
  return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

template <typename Function>
void bind(void* handle, Function& function, const char* name) {
  void* symbol = look_up(handle, name);
  // A wrapper library that exports only a part of libssl: the rest follows it.
  if (symbol == nullptr) symbol = find_next(name);
  function = reinterpret_cast<Function>(symbol);
}

bool has_what_we_need(const OpensslApi& api) {
  return api.SSL_connect && api.SSL_do_handshake && api.SSL_read && api.SSL_write &&
         api.SSL_get_error && api.SSL_free && api.SSL_in_before && api.SSL_get_rbio &&
         api.SSL_get_wbio && api.SSL_get_fd && api.SSL_is_server && api.SSL_set_connect_state &&
         api.SSL_get_servername && api.SSL_get_SSL_CTX && api.SSL_ctrl && api.SSL_get_ex_data &&
         api.SSL_set_ex_data && api.SSL_CTX_get_ex_data && api.SSL_CTX_set_ex_data &&
         (api.CRYPTO_get_ex_new_index || api.SSL_get_ex_new_index) && api.BIO_read &&
         api.BIO_write && api.BIO_ctrl && api.BIO_method_type && api.BIO_method_name &&
         api.BIO_test_flags && api.d2i_X509 && api.X509_free && api.X509_up_ref &&
         api.OPENSSL_sk_new_null && api.OPENSSL_sk_push && api.OPENSSL_sk_value &&
         api.OPENSSL_sk_free && api.ERR_peek_error && api.ERR_set_mark && api.ERR_pop_to_mark;
}

const Library* library_at(void* marker) {
  const void* base = base_of(marker);
  if (base == nullptr) return nullptr;
  if (Library* known = find_loaded(base)) return known;
  void* handle = pin_object(marker);
  if (handle == nullptr) return nullptr;
  auto library = std::make_unique<Library>();
  library->base = base;
#define RECSHIM_HOOK(ret, name, params, args) bind(handle, library->api.name, #name);
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) bind(handle, library->api.name, #name);
#include "shim/ops/tls_openssl_uses.def"
#undef RECSHIM_USE
  library->usable = has_what_we_need(library->api);

  Library* head = libraries.load(std::memory_order_acquire);
  do {
    if (Library* known = find_loaded(base)) return known;  // another thread was first
    library->next = head;
  } while (!libraries.compare_exchange_weak(head, library.get(), std::memory_order_acq_rel));
  return library.release();
}

// Copies a program's object has no state of ours yet when it is duplicated: what hangs on
// the original is not the copy's.
int drop_copy(crypto_ex_data_st*, const crypto_ex_data_st*, void* item, int, long, void*) {
  *static_cast<void**>(item) = nullptr;
  return 1;
}

using NewIndex = int (*)(long, void*, void*, ExDup, ExFree);

int index_of(const Library& library, std::atomic<int>& index, NewIndex old_function,
             int class_index, ExFree destroy) {
  int known = index.load(std::memory_order_acquire);
  if (known >= 0) return known;
  const OpensslApi& api = library.api;
  int fresh = old_function != nullptr ? old_function(0, nullptr, nullptr, drop_copy, destroy)
                                      : api.CRYPTO_get_ex_new_index(class_index, 0, nullptr,
                                                                    nullptr, drop_copy, destroy);
  if (fresh < 0) return -1;
  // Two threads may both have asked; the second's index stays unused.
  return index.compare_exchange_strong(known, fresh) ? fresh : known;
}

}  // namespace

Found find_library(const void* caller) {
  if (const uintptr_t known = ssl_sites.find(caller)) {
    const auto* library = reinterpret_cast<const Library*>(known & ~uintptr_t{3});
    if ((known & kOwnCall) != 0) return {latest != nullptr ? latest : library, true};
    latest = library;
    return {library, (known & kInternalCall) != 0};
  }
  if (is_own_object(caller) && latest != nullptr) return {latest, true};
  const link_map* object = object_of(caller);
  void* marker = find_for_caller(caller, kMarker);
  const Library* library = marker != nullptr ? library_at(marker) : nullptr;
  if (library == nullptr) library = noted.load(std::memory_order_acquire);
  if (library == nullptr) {
    marker = find_next(kMarker);
    if (marker == nullptr) marker = find_in_loaded("libssl", kMarker);
    if (marker != nullptr) library = library_at(marker);
  }
  if (library == nullptr) return {};
  const bool own = is_own_object(caller);
  const bool internal = own || (object != nullptr && base_of(caller) == library->base);
  if (object != nullptr) {
    ssl_sites.remember(caller, reinterpret_cast<uintptr_t>(library) | (own ? kOwnCall : 0) |
                                   (internal ? kInternalCall : 0));
  }
  latest = library;
  return {library, internal};
}

const Library* library_of(const void* address) {
  const void* base = base_of(address);
  if (base == nullptr || is_own_object(address)) return nullptr;
  if (const Library* known = find_loaded(base)) return known;
  void* handle = pin_object(address);
  void* marker = handle != nullptr ? look_up(handle, kMarker) : nullptr;
  return marker != nullptr && base_of(marker) == base ? library_at(marker) : nullptr;
}

void note_library(const void* symbol) {
  if (const Library* library = library_of(symbol)) {
    noted.store(library, std::memory_order_release);
  }
}

void* find_crypto(CallSites& sites, const void* caller, const char* name) {
  if (const uintptr_t known = sites.find(caller)) return reinterpret_cast<void*>(known);
  void* symbol = find_for_caller(caller, name);
  if (symbol == nullptr) symbol = find_next(name);
  if (symbol == nullptr) symbol = find_in_loaded("libcrypto", name);
  if (symbol != nullptr && object_of(caller) != nullptr) {
    sites.remember(caller, reinterpret_cast<uintptr_t>(symbol));
  }
  return symbol;
}

void* get_state(const Library& library, const SSL* ssl) {
  const int index = library.ssl_index.load(std::memory_order_acquire);
  return index < 0 ? nullptr : library.api.SSL_get_ex_data(ssl, index);
}

bool set_state(const Library& library, SSL* ssl, void* item, ExFree destroy) {
  const int index =
      index_of(library, library.ssl_index, library.api.SSL_get_ex_new_index, kExIndexSsl, destroy);
  return index >= 0 && library.api.SSL_set_ex_data(ssl, index, item) == 1;
}

void* get_context_state(const Library& library, const SSL_CTX* context) {
  const int index = library.context_index.load(std::memory_order_acquire);
  return index < 0 || context == nullptr ? nullptr
                                         : library.api.SSL_CTX_get_ex_data(context, index);
}

bool set_context_state(const Library& library, SSL_CTX* context, void* item, ExFree destroy) {
  const int index = index_of(library, library.context_index, library.api.SSL_CTX_get_ex_new_index,
                             kExIndexSslCtx, destroy);
  return index >= 0 && library.api.SSL_CTX_set_ex_data(context, index, item) == 1;
}

}  // namespace recshim::ops::openssl
