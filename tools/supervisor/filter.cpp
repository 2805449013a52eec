// See filter.h.
#include "tools/supervisor/filter.h"

#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "shim/control/supervision.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV  // Linux 5.19
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

namespace recshim::supervisor {
namespace {

constexpr uint32_t kAsk = SECCOMP_RET_USER_NOTIF;

// Puts the filter together. A test either returns a verdict or goes on with the next line.
class Assembler {
 public:
  void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<uint32_t>(offset)); }
  void load_number() { load(offsetof(seccomp_data, nr)); }
  // The lower or upper half of a 64-bit argument, on a little-endian machine.
  void load_argument(int index, bool upper) {
    load(offsetof(seccomp_data, args) + static_cast<size_t>(index) * 8 + (upper ? 4 : 0));
  }
  void keep_bits(uint32_t mask) { add(BPF_ALU | BPF_AND | BPF_K, 0, 0, mask); }
  void verdict(uint32_t value) { add(BPF_RET | BPF_K, 0, 0, value); }
  void verdict_if_equal(uint32_t value, uint32_t verdict_value) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, value);
    verdict(verdict_value);
  }
  void verdict_if_bits(uint32_t bits, uint32_t verdict_value) {
    add(BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    verdict(verdict_value);
  }
  // Runs body when the accumulator is value; it must end with a verdict.
  template <typename Body>
  void block_if_equal(uint32_t value, Body body) {
    const size_t jump = code_.size();
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, value);
    body();
    code_[jump].jf = static_cast<uint8_t>(code_.size() - jump - 1);
  }
  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  void add(int code, uint8_t if_true, uint8_t if_false, uint32_t k) {
    code_.push_back({static_cast<uint16_t>(code), if_true, if_false, k});
  }
  std::vector<sock_filter> code_;
};

// The verdict on a call that the library marks in this argument, which is 0 there in 32-bit
// programs.
void verdict_if_seen(Assembler& filter, int argument) {
  filter.load_argument(argument, true);
  filter.verdict_if_equal(control::kSeenByLibrary, SECCOMP_RET_ALLOW);
}

void add_calls(Assembler& filter, const CallNumbers& calls, const FilterOptions& options) {
  filter.block_if_equal(calls.connect, [&] {
    verdict_if_seen(filter, 2);
    filter.verdict(kAsk);
  });
  filter.block_if_equal(calls.sendto, [&] {
    verdict_if_seen(filter, 5);
    for (const bool upper : {false, true}) {
      filter.load_argument(4, upper);
      filter.verdict_if_bits(0xffffffff, kAsk);
    }
    filter.verdict(SECCOMP_RET_ALLOW);
  });
  for (const auto& [number, flags_argument] :
       {std::pair(calls.sendmsg, 2), std::pair(calls.sendmmsg, 3)}) {
    filter.block_if_equal(number, [&, argument = flags_argument] {
      verdict_if_seen(filter, argument);
      if (options.whole_tree) return filter.verdict(kAsk);
      filter.load_argument(argument, false);
      filter.verdict_if_bits(MSG_FASTOPEN, kAsk);
      filter.verdict(SECCOMP_RET_ALLOW);
    });
  }
  if (options.forbid_io_uring) {
    filter.verdict_if_equal(kIoUringSetup, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA));
  }
  if (calls.socketcall == 0) return;
  filter.block_if_equal(calls.socketcall, [&] {
    filter.load_argument(0, false);
    for (const uint32_t call : {kSocketcallConnect, kSocketcallSendto}) {
      filter.verdict_if_equal(call, kAsk);
    }
    filter.verdict(SECCOMP_RET_ALLOW);
  });
}

long seccomp(unsigned operation, unsigned flags, const void* argument) {
  return syscall(SYS_seccomp, operation, flags, argument);
}

}  // namespace

std::vector<sock_filter> build_filter(const FilterOptions& options, const Machine& machine) {
  Assembler filter;
  filter.load(offsetof(seccomp_data, arch));
  filter.block_if_equal(machine.compat_architecture, [&] {
    filter.load_number();
    add_calls(filter, machine.compat_calls, options);
    filter.verdict(SECCOMP_RET_ALLOW);
  });
  filter.block_if_equal(machine.architecture, [&] {
    filter.load_number();
    filter.keep_bits(machine.number_bits);
    add_calls(filter, machine.calls, options);
    filter.verdict(SECCOMP_RET_ALLOW);
  });
  filter.verdict(SECCOMP_RET_ALLOW);
  return filter.take();
}

Result<Installed> install_filter(const std::vector<sock_filter>& filter) {
  const sock_fprog program = {static_cast<unsigned short>(filter.size()),
                              const_cast<sock_filter*>(filter.data())};
  constexpr unsigned kListen = SECCOMP_FILTER_FLAG_NEW_LISTENER;
  bool promised = false;
  unsigned flags = kListen | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
  for (;;) {
    const long listener = seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener >= 0) return Installed{static_cast<int>(listener), false};
    if (errno == EBUSY) return Installed{-1, true};
    if (errno == EACCES && !promised) {
      // Without CAP_SYS_ADMIN a filter needs the promise never to gain privileges.
      promised = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
      if (promised) continue;
    }
    if (errno == EINVAL && flags != kListen) {
      flags = kListen;
      continue;
    }
    return Error{ErrorCode::kUnsupported,
                 fmt::format("seccomp filters with a listener cannot be used here ({}); they need "
                             "Linux 5.9, and in a container a profile that allows seccomp(2)",
                             std::strerror(errno))};
  }
}

}  // namespace recshim::supervisor
