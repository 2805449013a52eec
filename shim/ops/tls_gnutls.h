// The GnuTLS operations: what each hook of shim/hooks/gnutls.def does. The caller is the
// return address of the program's call; it finds the right copy of GnuTLS.
#pragma once

#include "shim/ops/tls_gnutls_api.h"

namespace recshim::ops::gnutls {

#define RECSHIM_WITH_CALLER(...) (const void* caller __VA_OPT__(, ) __VA_ARGS__)
#define RECSHIM_HOOK(ret, name, params, args) ret name RECSHIM_WITH_CALLER params;
#include "shim/hooks/gnutls.def"
#undef RECSHIM_HOOK
#undef RECSHIM_WITH_CALLER

}  // namespace recshim::ops::gnutls
