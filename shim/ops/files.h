// What each hook of shim/hooks/files.def does: the contract of libc's function of that name,
// but that a program which opens a bundle of CAs for reading finds the session's CA in it.
// caller: return address of the program's call.
#pragma once

#include "shim/runtime/real.h"

namespace recshim::ops {

#define RECSHIM_WITH_CALLER(...) (const void* caller, __VA_ARGS__)
#define RECSHIM_HOOK(ret, name, params, args) ret name RECSHIM_WITH_CALLER params;
#include "shim/hooks/files.def"
#undef RECSHIM_HOOK
#undef RECSHIM_WITH_CALLER

}  // namespace recshim::ops
