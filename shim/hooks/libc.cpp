// The exported libc functions, one for each line of libc.def. They only translate the
// ABI: bind the originals if nobody has yet, and go to the operation. An asm label gives
// the exported name, so that libc's own declarations (noexcept, attributes) stay out of it.
#include "shim/ops/libc.h"
#include "shim/ops/seen_calls.h"
#include "shim/ops/tls_taps.h"
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
  recshim::ops::prepare_seen_calls();
  recshim::runtime::in_forked_children(recshim::ops::forget_drains);
}
__attribute__((destructor)) void library_unloaded() {
  recshim::runtime::finish();
}

}  // namespace
