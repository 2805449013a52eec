// Binds the originals. Owns the pointers; must not know what the hooks do with them.
#include "shim/runtime/real.h"

#include <dlfcn.h>
#include <initializer_list>

namespace recshim::real {

#define RECSHIM_HOOK(ret, name, params, args) ret(*name) params = nullptr;
#include "shim/hooks/files.def"
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK

bool bound = false;

void* (*dlsym_function())(void*, const char*) {
  using Dlsym = void* (*)(void*, const char*);
  static Dlsym found = nullptr;
  if (found == nullptr) {
    // dlvsym(3) is not hooked, so it reaches libc's dlsym under whichever version
    // this glibc gives it (2.34 moved it from libdl into libc).
    for (const char* version : {"GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17"}) {
      if (void* symbol = dlvsym(RTLD_NEXT, "dlsym", version)) {
        found = reinterpret_cast<Dlsym>(symbol);
        break;
      }
    }
  }
  return found;
}

void bind() {
  auto* resolve = dlsym_function();
  if (resolve == nullptr) return;
#define RECSHIM_HOOK(ret, name, params, args) \
  name = reinterpret_cast<decltype(name)>(resolve(RTLD_NEXT, #name));
#include "shim/hooks/files.def"
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK
  bound = true;
}

}  // namespace recshim::real
