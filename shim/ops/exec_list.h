// The exec functions whose arguments are a list: as execl(3) and its kin, with the list's first
// argument and the rest of it, which ends with a null pointer (and the environment of execle).
// In a child of vfork(2), too: on the caller's stack.
#pragma once

#include <cstdarg>

namespace recshim::ops {

int execl(const char* path, const char* first, va_list rest);
int execlp(const char* file, const char* first, va_list rest);
int execle(const char* path, const char* first, va_list rest);

}  // namespace recshim::ops
