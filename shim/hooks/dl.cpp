// The exported loader hooks. The originals find their caller by the return address
// (RTLD_NEXT, $ORIGIN, namespaces), so these leave for them by a jump with everything as it
// came; what to change is asked of shim/ops/dl.h before.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "shim/ops/dl.h"
#include "shim/ops/tls_resolve.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"

namespace {

// Each hook's address under a name of its own, so that no header's declaration is needed
// or contradicted.
#define RECSHIM_HOOK(ret, name, params, args) extern "C" char recshim_at_##name[] __asm__(#name);
#include "shim/hooks/gnutls.def"
#include "shim/hooks/libc.def"
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK

struct Hook {
  std::string_view name;
  recshim::ops::HookGroup group;
  char* address;
};

constexpr auto by_name = [](const Hook& a, const Hook& b) { return a.name < b.name; };

constexpr auto make_hooks() {
  using recshim::ops::HookGroup;
  std::array hooks{
#define RECSHIM_HOOK(ret, name, params, args) Hook{#name, HookGroup::kLibc, recshim_at_##name},
#include "shim/hooks/libc.def"
#undef RECSHIM_HOOK
#define RECSHIM_HOOK(ret, name, params, args) Hook{#name, HookGroup::kOpenssl, recshim_at_##name},
#include "shim/hooks/openssl.def"
#undef RECSHIM_HOOK
#define RECSHIM_HOOK(ret, name, params, args) Hook{#name, HookGroup::kGnutls, recshim_at_##name},
#include "shim/hooks/gnutls.def"
#undef RECSHIM_HOOK
  };
  std::sort(hooks.begin(), hooks.end(), by_name);
  return hooks;
}
constexpr auto kHooks = make_hooks();

const Hook* find_hook(const char* name) {
  const auto found = std::lower_bound(kHooks.begin(), kHooks.end(),
                                      Hook{name, recshim::ops::HookGroup::kLibc, nullptr}, by_name);
  return found != kHooks.end() && found->name == name ? &*found : nullptr;
}

void* no_symbol(void*, const char*) {
  return nullptr;
}
void* no_file(const char*, int) {
  return nullptr;
}
void* no_file_in(Lmid_t, const char*, int) {
  return nullptr;
}

template <typename Function>
void bind_next(Function& original, const char* name) {
  if (void* found = recshim::ops::find_next(name)) original = reinterpret_cast<Function>(found);
}

}  // namespace

// The assembly below reaches these by name; they are local to the library.
extern "C" {
__attribute__((visibility("hidden"))) recshim::ops::Dlsym recshim_real_dlsym = no_symbol;
__attribute__((visibility("hidden"))) void* (*recshim_real_dlopen)(const char*, int) = no_file;
__attribute__((visibility("hidden"))) void* (*recshim_real_dlmopen)(Lmid_t, const char*,
                                                                    int) = no_file_in;

// What dlsym returns instead of jumping to the original, or null.
__attribute__((visibility("hidden"), used)) void* recshim_on_dlsym(void* handle, const char* name,
                                                                   const void* caller) {
  // May be called before any constructor has run, and from our own lookups never.
  if (recshim_real_dlsym == no_symbol) {
    if (auto* original = recshim::real::dlsym_function()) recshim_real_dlsym = original;
  }
  if (name == nullptr || recshim::runtime::in_own_work()) return nullptr;
  const Hook* hook = find_hook(name);
  return hook == nullptr
             ? nullptr
             : recshim::ops::answer_dlsym(caller, handle, name, hook->group, hook->address);
}

// The mode to go on with.
__attribute__((visibility("hidden"), used)) int recshim_on_dlopen(int mode) {
  if (recshim_real_dlopen == no_file) bind_next(recshim_real_dlopen, "dlopen");
  return recshim::ops::dlopen_mode(mode);
}
__attribute__((visibility("hidden"), used)) int recshim_on_dlmopen(int mode) {
  if (recshim_real_dlmopen == no_file_in) bind_next(recshim_real_dlmopen, "dlmopen");
  return recshim::ops::dlopen_mode(mode);
}
}

#if defined(__x86_64__)
// Arguments are in rdi, rsi, rdx; three pushes or their worth keep the stack aligned.
__asm__(R"(
  .pushsection .text
  .globl dlsym
  .type dlsym, @function
dlsym:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  movq 24(%rsp), %rdx
  call recshim_on_dlsym
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  testq %rax, %rax
  jnz 1f
  jmpq *recshim_real_dlsym(%rip)
1:
  ret
  .cfi_endproc
  .size dlsym, . - dlsym

  .globl dlopen
  .type dlopen, @function
dlopen:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  movl %esi, %edi
  call recshim_on_dlopen
  movl %eax, %esi
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmpq *recshim_real_dlopen(%rip)
  .cfi_endproc
  .size dlopen, . - dlopen

  .globl dlmopen
  .type dlmopen, @function
dlmopen:
  .cfi_startproc
  endbr64
  pushq %rdi
  .cfi_adjust_cfa_offset 8
  pushq %rsi
  .cfi_adjust_cfa_offset 8
  subq $8, %rsp
  .cfi_adjust_cfa_offset 8
  movl %edx, %edi
  call recshim_on_dlmopen
  movl %eax, %edx
  addq $8, %rsp
  .cfi_adjust_cfa_offset -8
  popq %rsi
  .cfi_adjust_cfa_offset -8
  popq %rdi
  .cfi_adjust_cfa_offset -8
  jmpq *recshim_real_dlmopen(%rip)
  .cfi_endproc
  .size dlmopen, . - dlmopen
  .popsection
)");
#elif defined(__aarch64__)
// Arguments are in x0, x1, x2; x16 may be lost in a call through the PLT anyway.
__asm__(R"(
  .pushsection .text
  .globl dlsym
  .type dlsym, %function
dlsym:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset 29, -32
  .cfi_offset 30, -24
  stp x0, x1, [sp, #16]
  mov x29, sp
  mov x2, x30
  bl recshim_on_dlsym
  mov x16, x0
  ldp x0, x1, [sp, #16]
  ldp x29, x30, [sp], #32
  .cfi_restore 29
  .cfi_restore 30
  .cfi_def_cfa_offset 0
  cbnz x16, 1f
  adrp x16, recshim_real_dlsym
  ldr x16, [x16, :lo12:recshim_real_dlsym]
  br x16
1:
  mov x0, x16
  ret
  .cfi_endproc
  .size dlsym, . - dlsym

  .globl dlopen
  .type dlopen, %function
dlopen:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset 29, -32
  .cfi_offset 30, -24
  str x0, [sp, #16]
  mov x29, sp
  mov w0, w1
  bl recshim_on_dlopen
  mov w1, w0
  ldr x0, [sp, #16]
  ldp x29, x30, [sp], #32
  .cfi_restore 29
  .cfi_restore 30
  .cfi_def_cfa_offset 0
  adrp x16, recshim_real_dlopen
  ldr x16, [x16, :lo12:recshim_real_dlopen]
  br x16
  .cfi_endproc
  .size dlopen, . - dlopen

  .globl dlmopen
  .type dlmopen, %function
dlmopen:
  .cfi_startproc
  hint #34
  stp x29, x30, [sp, #-32]!
  .cfi_def_cfa_offset 32
  .cfi_offset 29, -32
  .cfi_offset 30, -24
  stp x0, x1, [sp, #16]
  mov x29, sp
  mov w0, w2
  bl recshim_on_dlmopen
  mov w2, w0
  ldp x0, x1, [sp, #16]
  ldp x29, x30, [sp], #32
  .cfi_restore 29
  .cfi_restore 30
  .cfi_def_cfa_offset 0
  adrp x16, recshim_real_dlmopen
  ldr x16, [x16, :lo12:recshim_real_dlmopen]
  br x16
  .cfi_endproc
  .size dlmopen, . - dlmopen
  .popsection
)");
#else
#error "dlsym must be left by a jump: say how on this processor"
#endif
