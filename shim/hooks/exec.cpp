// The exported functions of exec.def: only the ABI, as in libc.cpp, and the list's rest.
#include <cstdarg>

#include "shim/ops/exec_list.h"
#include "shim/runtime/real.h"

#define RECSHIM_WITH_REST(program, first) (program, first, rest)

#define RECSHIM_HOOK(ret, name, params, args)                              \
  extern "C" __attribute__((visibility("default"), used))                  \
  ret recshim_hook_##name params __asm__(#name);                           \
  ret recshim_hook_##name params {                                         \
    if (__builtin_expect(!recshim::real::bound, 0)) recshim::real::bind(); \
    va_list rest;                                                          \
    va_start(rest, first);                                                 \
    const ret result = recshim::ops::name RECSHIM_WITH_REST args;          \
    va_end(rest);                                                          \
    return result;                                                         \
  }
#include "shim/hooks/exec.def"
#undef RECSHIM_HOOK
