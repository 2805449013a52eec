// The loader operations: which answers of dlsym(3) are replaced by our hooks, and which
// flags of dlopen(3) would hide the hooks from a library.
#pragma once

namespace recshim::ops {

using Dlsym = void* (*)(void* handle, const char* name);

// The hook to answer dlsym(handle, name) with, or null to leave it to the original: when
// the program looks into libc, OpenSSL or GnuTLS itself for something we hook (.NET, PHP
// extensions, foreign-function interfaces). RTLD_NEXT and RTLD_DEFAULT, and a library
// that stands in front of the same function, get the original's answer.
// hook: our function of that name. group: the table it is in.
enum class HookGroup { kLibc, kOpenssl, kGnutls };
void* answer_dlsym(const void* caller, void* handle, const char* name, HookGroup group, void* hook);

// mode without RTLD_DEEPBIND while hooks matter: with it a library would bind past us.
int dlopen_mode(int mode);

}  // namespace recshim::ops
