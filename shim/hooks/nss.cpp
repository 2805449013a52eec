// The exported NSS hooks: only the ABI. shim/ops/tls_nss.h says what they do.
#include "shim/ops/tls_nss.h"

#define RECSHIM_CALLER __builtin_return_address(0)
#define RECSHIM_WITH_CALLER(...) (RECSHIM_CALLER, __VA_ARGS__)

#define RECSHIM_HOOK(ret, name, params, args)                               \
  extern "C" __attribute__((visibility("default"), used)) ret name params { \
    return recshim::ops::nss::name RECSHIM_WITH_CALLER args;                \
  }
#include "shim/hooks/nss.def"
#undef RECSHIM_HOOK
