// The exported libc functions, one for each line of libc.def. They only translate the
// ABI: bind the originals if nobody has yet, and go to the operation. An asm label gives
// the exported name, so that libc's own declarations (noexcept, attributes) stay out of it.
#include <pthread.h>

#include "shim/ops/libc.h"
#include "shim/ops/tls_fork.h"
#include "shim/ops/unreached.h"
#include "shim/runtime/start.h"

#define RECSHIM_HOOK(ret, name, params, args)                              \
  extern "C" __attribute__((visibility("default"), used))                  \
  ret recshim_hook_##name params __asm__(#name);                           \
  ret recshim_hook_##name params {                                         \
    if (__builtin_expect(!recshim::real::bound, 0)) recshim::real::bind(); \
    return recshim::ops::name args;                                        \
  }
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK

namespace {

__attribute__((constructor)) void library_loaded() {
  recshim::runtime::start();
  recshim::ops::prepare_supervision();
  // Its locks are made before there are threads that could race for it, and registered after
  // the runtime's, so that they are taken before those.
  recshim::ops::lock_tls_for_fork();
  recshim::ops::unlock_tls_after_fork(false);
  pthread_atfork(
      recshim::ops::lock_tls_for_fork, [] { recshim::ops::unlock_tls_after_fork(false); },
      [] { recshim::ops::unlock_tls_after_fork(true); });
}
__attribute__((destructor)) void library_unloaded() {
  recshim::runtime::finish();
}

}  // namespace
