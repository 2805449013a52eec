// What each libc hook does: ops::f has the contract of libc's f (its man page), errno
// included. Declared from the table; defined by subject in connect.cpp, reading.cpp,
// writing.cpp, descriptors.cpp, lookup.cpp, socket_looks.cpp and process.cpp.
#pragma once

#include "shim/runtime/real.h"

namespace recshim::ops {

#define RECSHIM_HOOK(ret, name, params, args) ret name params;
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK

// Fails closed with -1 and this errno.
int fail(int error);

}  // namespace recshim::ops
