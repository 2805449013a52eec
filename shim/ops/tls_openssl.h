// The OpenSSL operations: what each hook of shim/hooks/openssl.def does. The caller is the
// return address of the program's call; it finds the right copy of OpenSSL.
#pragma once

#include "shim/ops/tls_openssl_api.h"

namespace recshim::ops::openssl {

#define RECSHIM_WITH_CALLER(...) (const void* caller __VA_OPT__(, ) __VA_ARGS__)
#define RECSHIM_HOOK(ret, name, params, args) ret name RECSHIM_WITH_CALLER params;
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
#undef RECSHIM_WITH_CALLER

}  // namespace recshim::ops::openssl
