// The NSS operations: each opens NSS as the original of shim/hooks/nss.def does, and then a
// second database, in the session's folder, that trusts the session's CA. So Chromium, whose
// TLS is its own but which takes its user's authorities from NSS, trusts the gateway; the
// user's database is not touched. caller: return address of the program's call.
#pragma once

namespace recshim::ops::nss {

#define RECSHIM_WITH_CALLER(...) (const void* caller, __VA_ARGS__)
#define RECSHIM_HOOK(ret, name, params, args) ret name RECSHIM_WITH_CALLER params;
#include "shim/hooks/nss.def"
#undef RECSHIM_HOOK
#undef RECSHIM_WITH_CALLER

}  // namespace recshim::ops::nss
