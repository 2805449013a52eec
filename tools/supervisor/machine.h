// What differs between machines: architectures and system call numbers, also those of the
// 32-bit programs that a 64-bit kernel runs. All machines are known in every build; kMachine
// is the one it is for. Source: asm/unistd.h, linux/net.h of each.
#pragma once

#include <linux/audit.h>
#include <sys/syscall.h>

#include <cstdint>

namespace recshim::supervisor {

struct CallNumbers {
  uint32_t connect = 0, sendto = 0, sendmsg = 0, sendmmsg = 0;
  uint32_t socketcall = 0;  // 0: there is none
};

struct Machine {
  uint32_t architecture = 0;
  uint32_t number_bits = 0;  // the rest of a call's number tells its interface, not the call
  CallNumbers calls;
  uint32_t compat_architecture = 0;
  CallNumbers compat_calls;
};

// x32 has the calls of x86-64, with bit 30 set.
inline constexpr Machine kX86_64 = {AUDIT_ARCH_X86_64,
                                    0x3fffffff,
                                    {42, 44, 46, 307, 0},
                                    AUDIT_ARCH_I386,
                                    {362, 369, 370, 345, 102}};
inline constexpr Machine kAArch64 = {AUDIT_ARCH_AARCH64,
                                     0xffffffff,
                                     {203, 206, 211, 269, 0},
                                     AUDIT_ARCH_ARM,
                                     {283, 290, 296, 374, 0}};

// The same on every machine: it is newer than their differences.
inline constexpr uint32_t kIoUringSetup = 425;
// socketcall(2)'s first argument.
inline constexpr uint32_t kSocketcallConnect = 3;
inline constexpr uint32_t kSocketcallSendto = 11;

#if defined(__x86_64__)
inline constexpr const Machine& kMachine = kX86_64;
#elif defined(__aarch64__)
inline constexpr const Machine& kMachine = kAArch64;
#else
#error "the supervisor knows x86-64 and AArch64 only"
#endif
static_assert(kMachine.calls.connect == SYS_connect && kMachine.calls.sendto == SYS_sendto &&
              kMachine.calls.sendmsg == SYS_sendmsg && kMachine.calls.sendmmsg == SYS_sendmmsg);

}  // namespace recshim::supervisor
