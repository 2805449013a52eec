// See dl.h.
#include "shim/ops/dl.h"

#include <dlfcn.h>

#include <cstring>

#include "shim/ops/tls_gnutls_api.h"
#include "shim/ops/tls_openssl_api.h"
#include "shim/ops/tls_resolve.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::ops {
namespace {

bool is_named(const link_map* object, const char* prefix) {
  const char* slash = std::strrchr(object->l_name, '/');
  return std::strncmp(slash != nullptr ? slash + 1 : object->l_name, prefix, std::strlen(prefix)) ==
         0;
}

bool is_libc(const link_map* object) {
  // Before glibc 2.34 some of its functions lived in libpthread.
  return is_named(object, "libc.so") || is_named(object, "libpthread.so") ||
         is_named(object, "libc-2") || is_named(object, "libpthread-2");
}

// In live mode only connections are led elsewhere.
bool hooks_matter(HookGroup group) {
  const runtime::Runtime* self = runtime::runtime();
  return runtime::tls_active() ||
         (self != nullptr && group == HookGroup::kLibc && !self->config.connect_to.empty());
}

}  // namespace

void* answer_dlsym(const void* caller, void* handle, const char* name, HookGroup group,
                   void* hook) {
  if (handle == RTLD_DEFAULT || handle == RTLD_NEXT || !hooks_matter(group)) return nullptr;
  void* found = look_up(handle, name);  // null, and nothing to replace, if it is ours
  const link_map* object = object_of(found);
  // The main program's own function of that name is not the library's.
  if (object == nullptr || object->l_name[0] == '\0') return nullptr;
  const link_map* asker = object_of(caller);
  if (asker == object) return nullptr;
  if (asker != nullptr && object_of(find_for_caller(caller, name)) == asker) {
    return nullptr;  // it has such a function itself: an interposer looking for the next
  }
  if (group == HookGroup::kLibc && !is_libc(object)) return nullptr;
  if (group == HookGroup::kOpenssl) openssl::note_library(found);
  if (group == HookGroup::kGnutls) gnutls::note_library(found);
  dlerror();  // what the searches above left; the program's own call succeeds
  return hook;
}

int dlopen_mode(int mode) {
  return hooks_matter(HookGroup::kLibc) ? mode & ~RTLD_DEEPBIND : mode;
}

}  // namespace recshim::ops
