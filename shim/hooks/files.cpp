// The exported functions of files.def: only the ABI, as in libc.cpp, and who calls.
#include "shim/ops/files.h"

#define RECSHIM_CALLER __builtin_return_address(0)
#define RECSHIM_WITH_CALLER(...) (RECSHIM_CALLER, __VA_ARGS__)

#define RECSHIM_HOOK(ret, name, params, args)                              \
  extern "C" __attribute__((visibility("default"), used))                  \
  ret recshim_hook_##name params __asm__(#name);                           \
  ret recshim_hook_##name params {                                         \
    if (__builtin_expect(!recshim::real::bound, 0)) recshim::real::bind(); \
    return recshim::ops::name RECSHIM_WITH_CALLER args;                    \
  }
#include "shim/hooks/files.def"
#undef RECSHIM_HOOK
