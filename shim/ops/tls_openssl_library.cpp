// Binds the copies of OpenSSL in the process, and hangs our state on its objects
// (tls_openssl_api.h).
#include "shim/ops/tls_openssl_api.h"

namespace recshim::ops::openssl {
namespace {

bool has_what_we_need(const OpensslApi& api) {
  return api.SSL_connect && api.SSL_do_handshake && api.SSL_read && api.SSL_write &&
         api.SSL_get_error && api.SSL_free && api.SSL_in_before && api.SSL_get_rbio &&
         api.SSL_get_wbio && api.SSL_get_fd && api.SSL_is_server && api.SSL_set_connect_state &&
         api.SSL_get_servername && api.SSL_get_SSL_CTX && api.SSL_ctrl && api.SSL_get_ex_data &&
         api.SSL_set_ex_data && api.SSL_CTX_get_ex_data && api.SSL_CTX_set_ex_data &&
         (api.CRYPTO_get_ex_new_index || api.SSL_get_ex_new_index) && api.BIO_read &&
         api.BIO_write && api.BIO_ctrl && api.BIO_method_type && api.BIO_method_name &&
         api.BIO_test_flags && api.d2i_SSL_SESSION && api.SSL_SESSION_new && api.SSL_SESSION_free &&
         api.SSL_SESSION_get0_peer && api.SSL_set_session && api.SSL_get_session &&
         api.SSL_set_verify_result && api.OPENSSL_sk_new_null && api.OPENSSL_sk_push &&
         api.OPENSSL_sk_value && api.OPENSSL_sk_free && api.ERR_peek_error && api.ERR_set_mark &&
         api.ERR_pop_to_mark;
}

void bind(void* handle, Library& library) {
#define RECSHIM_HOOK(ret, name, params, args) bind_function(handle, library.api.name, #name);
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) bind_function(handle, library.api.name, #name);
#include "shim/ops/tls_openssl_uses.def"
#undef RECSHIM_USE
  library.usable = has_what_we_need(library.api);
}

constinit TlsLibraries<Library> libraries("SSL_read", "libssl", bind);

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
  const auto take = [&](ExDup duplicate, ExFree free) {
    return old_function != nullptr ? old_function(0, nullptr, nullptr, duplicate, free)
                                   : library.api.CRYPTO_get_ex_new_index(class_index, 0, nullptr,
                                                                         nullptr, duplicate, free);
  };
  // Not the next one: Qt keeps something under those behind its own, which nobody gave it.
  constexpr int kDistance = 16;
  for (int i = 0; i < kDistance; ++i) take(nullptr, nullptr);
  const int fresh = take(drop_copy, destroy);
  if (fresh < 0) return -1;
  // Two threads may both have asked; the second's index stays unused.
  return index.compare_exchange_strong(known, fresh) ? fresh : known;
}

}  // namespace

Found find_library(const void* caller) {
  return libraries.find(caller);
}

const Library* library_of(const void* address) {
  return libraries.of(address);
}

void note_library(const void* symbol) {
  libraries.note(symbol);
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
