// See tls_resolve.h.
#include "shim/ops/tls_resolve.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "shim/runtime/real.h"

// Where the object that this is linked into begins and ends: ld(1) defines both.
extern "C" {
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));
}

namespace recshim::ops {

const link_map* object_of(const void* address) {
  Dl_info info;
  void* map = nullptr;
  if (address == nullptr || dladdr1(address, &info, &map, RTLD_DL_LINKMAP) == 0) return nullptr;
  return static_cast<const link_map*>(map);
}

bool is_own_object(const void* address) {
  return address >= static_cast<const void*>(__ehdr_start) &&
         address < static_cast<const void*>(_end);
}

namespace {

// The main program has the empty name; a handle on it searches the global order, where we
// come first.
bool is_main_program(const link_map* object) {
  return object->l_name[0] == '\0';
}

void* unless_own(void* symbol) {
  return symbol != nullptr && !is_own_object(symbol) ? symbol : nullptr;
}

}  // namespace

void* look_up(void* handle, const char* name) {
  auto* resolve = real::dlsym_function();
  return resolve == nullptr ? nullptr : unless_own(resolve(handle, name));
}

void* find_next(const char* name) {
  return look_up(RTLD_NEXT, name);
}

void* find_for_caller(const void* caller, const char* name) {
  const link_map* object = object_of(caller);
  if (object == nullptr) return nullptr;
  if (is_main_program(object)) return find_next(name);
  void* handle = dlopen(object->l_name, RTLD_NOLOAD | RTLD_LAZY);
  if (handle == nullptr) return nullptr;
  void* symbol = look_up(handle, name);
  dlclose(handle);
  return symbol;
}

void* find_in_loaded(const char* prefix, const char* name) {
  // The list is the loader's; its head is reachable from any object of it. Objects may
  // come and go meanwhile, as they may for any walker without the loader's lock: names
  // are only read from entries that are linked in.
  const link_map* object = object_of(reinterpret_cast<const void*>(&object_of));
  while (object != nullptr && object->l_prev != nullptr) object = object->l_prev;
  for (; object != nullptr; object = object->l_next) {
    const char* slash = std::strrchr(object->l_name, '/');
    const char* file = slash != nullptr ? slash + 1 : object->l_name;
    if (std::strncmp(file, prefix, std::strlen(prefix)) != 0) continue;
    void* handle = dlopen(object->l_name, RTLD_NOLOAD | RTLD_LAZY);
    if (handle == nullptr) continue;
    void* symbol = look_up(handle, name);
    dlclose(handle);
    if (symbol != nullptr) return symbol;
  }
  return nullptr;
}

void* pin_object(const void* address) {
  const link_map* object = object_of(address);
  if (object == nullptr) return nullptr;
  return dlopen(is_main_program(object) ? nullptr : object->l_name, RTLD_NOLOAD | RTLD_LAZY);
}

uintptr_t CallSites::find(const void* site) const {
  const auto wanted = reinterpret_cast<uintptr_t>(site);
  size_t at = start_of(wanted);
  for (size_t probe = 0; probe < kProbes; ++probe, at = (at + 1) % kSlots) {
    const uintptr_t here = slots_[at].site.load(std::memory_order_acquire);
    if (here == wanted) return slots_[at].value.load(std::memory_order_acquire);
    if (here == 0) return 0;
  }
  return 0;
}

void CallSites::remember(const void* site, uintptr_t value) {
  const auto wanted = reinterpret_cast<uintptr_t>(site);
  size_t at = start_of(wanted);
  for (size_t probe = 0; probe < kProbes; ++probe, at = (at + 1) % kSlots) {
    uintptr_t expected = 0;
    if (slots_[at].site.compare_exchange_strong(expected, wanted) || expected == wanted) {
      slots_[at].value.store(value, std::memory_order_release);
      return;
    }
  }
}

}  // namespace recshim::ops
