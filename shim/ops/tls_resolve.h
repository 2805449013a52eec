// Finds the function a TLS hook stands in front of. RTLD_NEXT is not enough: a library
// loaded RTLD_LOCAL (CPython's _ssl, plugins) is outside its search, and two copies of a
// TLS library can live in one process. Knows the loader; does not know OpenSSL or GnuTLS.
#pragma once

#include <link.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace recshim::ops {

// The loaded object that contains address, or null (a JIT's code, say).
const link_map* object_of(const void* address);
bool is_own_object(const void* address);

// `name` as the object around `caller` would have bound it without us; null if it cannot
// see one. Never a function of this library.
void* find_for_caller(const void* caller, const char* name);
// `name` after us in the global order. Never a function of this library.
void* find_next(const char* name);
// `name` in whichever loaded object's file name starts with prefix ("libssl").
void* find_in_loaded(const char* prefix, const char* name);

// An open handle on the object that contains address, for dlsym(3). It stays open for
// good: an object whose functions we keep must not be unloaded under us.
void* pin_object(const void* address);
// dlsym(3) past our own hook; never a function of this library.
void* look_up(void* handle, const char* name);

// Remembers for a call site (return address) what it means. Fixed size, lock-free; when it
// is full the answer is found anew each time. Values: pointers with the lowest bit free.
// Threads: any. Call sites of an unloaded object may be reused by another: then the answer
// is the one of the first, which only differs if both a libssl and its user were replaced.
class CallSites {
 public:
  [[nodiscard]] uintptr_t find(const void* site) const;  // 0 if unknown
  void remember(const void* site, uintptr_t value);

 private:
  static constexpr size_t kSlots = 1024;  // a power of two
  static constexpr size_t kProbes = 16;
  struct Slot {
    std::atomic<uintptr_t> site{0};
    std::atomic<uintptr_t> value{0};
  };
  static size_t start_of(uintptr_t site) { return (site * 0x9E3779B97F4A7C15U) >> 54; }
  std::array<Slot, kSlots> slots_;
};

}  // namespace recshim::ops
