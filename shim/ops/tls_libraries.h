// The copies of one TLS library in the process, and which of them a call means: what the hooks
// of OpenSSL and GnuTLS have in common. Owns the copies' tables of functions, which live as long
// as the process; knows neither library.
#pragma once

#include <dlfcn.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "shim/ops/tls_resolve.h"

namespace recshim::ops {

// internal: the caller is that copy itself (one public function of it calls another).
template <typename Library>
struct FoundLibrary {
  const Library* library = nullptr;
  bool internal = false;
};

// Where the object that contains address is loaded, or null.
inline const void* base_of(const void* address) {
  Dl_info info;
  return address != nullptr && dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// Sets function to the copy's `name`. A wrapper that exports only a part of the library is
// followed by the rest.
template <typename Function>
void bind_function(void* handle, Function& function, const char* name) {
  void* symbol = look_up(handle, name);
  if (symbol == nullptr) symbol = find_next(name);
  function = reinterpret_cast<Function>(symbol);
}

// Library: a loaded copy; has `base`, where it is loaded, and `next`.
// Threads: any. No lock guards it: looking a symbol up takes the loader's lock, and a thread that
// holds that one (a constructor run by dlopen) may be waiting in a hook of ours.
template <typename Library>
class TlsLibraries {
 public:
  // marker: a function that every copy has and every user of one binds. file_prefix: of a copy's
  // file name. bind: fills in the table of the copy that handle is of. All live for ever.
  constexpr TlsLibraries(const char* marker, const char* file_prefix,
                         void (*bind)(void* handle, Library& library))
      : marker_(marker), file_prefix_(file_prefix), bind_(bind) {}

  // The copy that a call from `caller` (a return address) means, or null. A failure is not
  // remembered.
  FoundLibrary<Library> find(const void* caller) {
    if (const uintptr_t known = sites_.find(caller)) {
      const auto* library = reinterpret_cast<const Library*>(known & ~uintptr_t{3});
      if ((known & kOwnCall) != 0) return {latest != nullptr ? latest : library, true};
      latest = library;
      return {library, (known & kInternalCall) != 0};
    }
    if (is_own_object(caller) && latest != nullptr) return {latest, true};
    const link_map* object = object_of(caller);
    void* marker = find_for_caller(caller, marker_);
    const Library* library = marker != nullptr ? at(marker) : nullptr;
    if (library == nullptr) library = noted_.load(std::memory_order_acquire);
    if (library == nullptr) {
      marker = find_next(marker_);
      if (marker == nullptr) marker = find_in_loaded(file_prefix_, marker_);
      if (marker != nullptr) library = at(marker);
    }
    if (library == nullptr) return {};
    const bool own = is_own_object(caller);
    const bool internal = own || (object != nullptr && base_of(caller) == library->base);
    if (object != nullptr) {
      sites_.remember(caller, reinterpret_cast<uintptr_t>(library) | (own ? kOwnCall : 0) |
                                  (internal ? kInternalCall : 0));
    }
    latest = library;
    return {library, internal};
  }

  // The copy that contains address (a function or a constant of it), or null.
  const Library* of(const void* address) {
    const void* base = base_of(address);
    if (base == nullptr || is_own_object(address)) return nullptr;
    if (const Library* known = find_loaded(base)) return known;
    void* handle = pin_object(address);
    void* marker = handle != nullptr ? look_up(handle, marker_) : nullptr;
    return marker != nullptr && base_of(marker) == base ? at(marker) : nullptr;
  }

  // Remembers the copy that a program reached by dlsym(3): `symbol` is what it found.
  void note(const void* symbol) {
    if (const Library* library = of(symbol)) noted_.store(library, std::memory_order_release);
  }

 private:
  // Notes beside a call site's library.
  static constexpr uintptr_t kInternalCall = 1, kOwnCall = 2;

  Library* find_loaded(const void* base) const {
    Library* library = libraries_.load(std::memory_order_acquire);
    while (library != nullptr && library->base != base) library = library->next;
    return library;
  }

  const Library* at(void* marker) {
    const void* base = base_of(marker);
    if (base == nullptr) return nullptr;
    if (Library* known = find_loaded(base)) return known;
    void* handle = pin_object(marker);
    if (handle == nullptr) return nullptr;
    auto library = std::make_unique<Library>();
    library->base = base;
    bind_(handle, *library);
    Library* head = libraries_.load(std::memory_order_acquire);
    do {
      if (Library* known = find_loaded(base)) return known;  // another thread was first
      library->next = head;
    } while (!libraries_.compare_exchange_weak(head, library.get(), std::memory_order_acq_rel));
    return library.release();
  }

  // The copy this thread last called. When an original leaves by a jump for another public
  // function, that one's hook is called as if by us, which does not tell whose it is.
  static thread_local const Library* latest __attribute__((tls_model("initial-exec")));

  const char* const marker_;
  const char* const file_prefix_;
  void (*const bind_)(void* handle, Library& library);
  std::atomic<Library*> libraries_{nullptr};
  std::atomic<const Library*> noted_{nullptr};
  CallSites sites_;
};

template <typename Library>
constinit thread_local const Library* TlsLibraries<Library>::latest
    __attribute__((tls_model("initial-exec"))) = nullptr;

}  // namespace recshim::ops
