// real::f is libc's own f: what the hook of the same name stands in front of.
// The tables shim/hooks/libc.def and files.def are its only lists.
#pragma once

#include <netdb.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdio>
#include <ctime>

namespace recshim::real {

#define RECSHIM_HOOK(ret, name, params, args) extern ret(*name) params;
#include "shim/hooks/files.def"
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK

extern bool bound;
// Resolves every original by dlsym(RTLD_NEXT). Hooks may run before our constructor, so
// each one calls this when !bound. An original that this libc lacks stays null; the
// operations of close_range and closefrom know what to do then.
// Threads: idempotent, may race with itself.
void bind();

// dlsym(3) itself, past our own hook of it.
void* (*dlsym_function())(void* handle, const char* name);

}  // namespace recshim::real
