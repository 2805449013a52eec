// What differs between machines: architectures and system call numbers, also those of the
// 32-bit programs that a 64-bit kernel runs. Source: asm/unistd.h, linux/net.h of each.
#pragma once

#include <linux/audit.h>
#include <sys/syscall.h>

#include <cstdint>

namespace recshim::supervisor {

struct CallNumbers {
  uint32_t connect = 0, sendto = 0, sendmsg = 0, sendmmsg = 0;
  uint32_t socketcall = 0;  // 0: there is none
};

inline constexpr CallNumbers kNativeCalls = {SYS_connect, SYS_sendto, SYS_sendmsg, SYS_sendmmsg, 0};
// The same on every machine: it is newer than their differences.
inline constexpr uint32_t kIoUringSetup = 425;
// socketcall(2)'s first argument.
inline constexpr uint32_t kSocketcallConnect = 3;
inline constexpr uint32_t kSocketcallSendto = 11;

#if defined(__x86_64__)
inline constexpr uint32_t kNativeArchitecture = AUDIT_ARCH_X86_64;
inline constexpr uint32_t kNativeNumberMask = 0x3fffffff;
inline constexpr uint32_t kCompatArchitecture = AUDIT_ARCH_I386;
inline constexpr CallNumbers kCompatCalls = {362, 369, 370, 345, 102};
#elif defined(__aarch64__)
inline constexpr uint32_t kNativeArchitecture = AUDIT_ARCH_AARCH64;
inline constexpr uint32_t kNativeNumberMask = 0;
inline constexpr uint32_t kCompatArchitecture = AUDIT_ARCH_ARM;
inline constexpr CallNumbers kCompatCalls = {283, 290, 296, 374, 0};
#else
#error "the supervisor knows x86-64 and AArch64 only"
#endif

}  // namespace recshim::supervisor
