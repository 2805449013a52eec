// See own_stack.h.
#include "shim/runtime/own_stack.h"

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <mutex>
#include <utility>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/sys.h"

namespace recshim::runtime {
namespace {

constexpr size_t kStack_bytes = size_t{1} << 20;   // pages until they are touched
constexpr size_t kGuard_bytes = size_t{64} << 10;  // a whole number of pages, whatever their size

// Those not in use. More threads at once than this get theirs from the kernel, and give it back.
// Under a mutex rather than atomic, so that a thread sanitizer in the program knows that a stack's
// next user comes after the last one.
struct Spare {
  ForkMutex mutex{LockRank::kStacks};
  std::array<void*, 16> stacks{};
};
Spare& spare() {
  return lasting<[] { return new Spare; }>();
}

// Null where there is no memory.
void* take_stack() {
  {
    const std::lock_guard lock(spare().mutex);
    for (auto& place : spare().stacks) {
      if (place != nullptr) return std::exchange(place, nullptr);
    }
  }
  const long mapped = sys::call(SYS_mmap, 0, kStack_bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapped < 0 && mapped > -4096) return nullptr;
  sys::call(SYS_mprotect, mapped, kGuard_bytes, PROT_NONE);
  return reinterpret_cast<void*>(mapped);
}

void give_back(void* stack) {
  {
    const std::lock_guard lock(spare().mutex);
    for (auto& place : spare().stacks) {
      if (place == nullptr) {
        place = stack;
        return;
      }
    }
  }
  sys::call(SYS_munmap, sys::arg(stack), kStack_bytes);
}

// The callee keeps the register that holds the old stack pointer (System V ABI of x86-64 §3.2.1;
// AAPCS64 §6.1.1), and everything else that a call may change is told to the compiler.
void call_on(void* top, void (*work)(void*) noexcept, void* argument) {
#if defined(__x86_64__)
  asm volatile(
      "movq %%rsp, %%rbx\n\t"
      "movq %[top], %%rsp\n\t"
      "callq *%[work]\n\t"
      "movq %%rbx, %%rsp"
      : "+D"(argument)
      : [top] "r"(top), [work] "r"(work)
      : "rax", "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "xmm2", "xmm3",
        "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
        "xmm15", "cc", "memory");
#elif defined(__aarch64__)
  register void* x0 asm("x0") = argument;
  asm volatile(
      "mov x19, sp\n\t"
      "mov sp, %[top]\n\t"
      "blr %[work]\n\t"
      "mov sp, x19"
      : "+r"(x0)
      : [top] "r"(top), [work] "r"(work)
      : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
        "x15", "x16", "x17", "x18", "x19", "x30", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7",
        "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
        "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",
        "memory");
#else
#error "call_on knows the stacks of x86-64 and AArch64 only"
#endif
}

}  // namespace

void run_on_own_stack(void (*work)(void*) noexcept, void* argument) {
  void* stack = take_stack();
  if (stack == nullptr) return work(argument);
  call_on(static_cast<char*>(stack) + kStack_bytes, work, argument);
  give_back(stack);
}

}  // namespace recshim::runtime
