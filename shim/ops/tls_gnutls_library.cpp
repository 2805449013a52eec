// Finds and binds the copies of GnuTLS in the process (tls_gnutls_api.h). Owns their
// tables, which live as long as the process; must not know what the hooks do with them.
#include <dlfcn.h>

#include <atomic>
#include <memory>

#include "shim/ops/tls_gnutls_api.h"
#include "shim/ops/tls_resolve.h"

namespace recshim::ops::gnutls {
namespace {

constexpr char kMarker[] = "gnutls_record_recv";

// As for OpenSSL, no lock: looking up takes the loader's.
std::atomic<Library*> libraries{nullptr};
std::atomic<const Library*> noted{nullptr};
CallSites sites;

// Notes beside a call site's library.
constexpr uintptr_t kInternalCall = 1, kOwnCall = 2;

// The copy this thread last called. When an original leaves by a jump for another public
// function, that one's hook is called as if by us, which does not tell whose it is.
thread_local const Library* latest __attribute__((tls_model("initial-exec"))) = nullptr;

const void* base_of(const void* address) {
  Dl_info info;
  return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

Library* find_loaded(const void* base) {
  Library* library = libraries.load(std::memory_order_acquire);
  while (library != nullptr && library->base != base) library = library->next;
  return library;
}

template <typename Function>
void bind(void* handle, Function& function, const char* name) {
  void* symbol = look_up(handle, name);
  if (symbol == nullptr) symbol = find_next(name);
  function = reinterpret_cast<Function>(symbol);
}

const Library* library_at(void* marker) {
  const void* base = base_of(marker);
  if (base == nullptr) return nullptr;
  if (Library* known = find_loaded(base)) return known;
  void* handle = pin_object(marker);
  if (handle == nullptr) return nullptr;
  auto library = std::make_unique<Library>();
  library->base = base;
  GnutlsApi& api = library->api;
#define RECSHIM_HOOK(ret, name, params, args) bind(handle, api.name, #name);
#include "shim/hooks/gnutls.def"
#undef RECSHIM_HOOK
#define RECSHIM_USE(ret, name, params) bind(handle, api.name, #name);
#include "shim/ops/tls_gnutls_uses.def"
#undef RECSHIM_USE
  bind(handle, api.gnutls_malloc, "gnutls_malloc");
  library->usable = api.gnutls_init && api.gnutls_deinit && api.gnutls_handshake &&
                    api.gnutls_record_send && api.gnutls_record_recv &&
                    api.gnutls_transport_set_ptr && api.gnutls_malloc;

  Library* head = libraries.load(std::memory_order_acquire);
  do {
    if (Library* known = find_loaded(base)) return known;  // another thread was first
    library->next = head;
  } while (!libraries.compare_exchange_weak(head, library.get(), std::memory_order_acq_rel));
  return library.release();
}

}  // namespace

Found find_library(const void* caller) {
  if (const uintptr_t known = sites.find(caller)) {
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
    if (marker == nullptr) marker = find_in_loaded("libgnutls.so", kMarker);
    if (marker != nullptr) library = library_at(marker);
  }
  if (library == nullptr) return {};
  const bool own = is_own_object(caller);
  const bool internal = own || (object != nullptr && base_of(caller) == library->base);
  if (object != nullptr) {
    sites.remember(caller, reinterpret_cast<uintptr_t>(library) | (own ? kOwnCall : 0) |
                               (internal ? kInternalCall : 0));
  }
  latest = library;
  return {library, internal};
}

void note_library(const void* symbol) {
  const void* base = base_of(symbol);
  if (base == nullptr || is_own_object(symbol)) return;
  const Library* library = find_loaded(base);
  if (library == nullptr) {
    void* handle = pin_object(symbol);
    void* marker = handle != nullptr ? look_up(handle, kMarker) : nullptr;
    if (marker != nullptr && base_of(marker) == base) library = library_at(marker);
  }
  if (library != nullptr) noted.store(library, std::memory_order_release);
}

}  // namespace recshim::ops::gnutls
