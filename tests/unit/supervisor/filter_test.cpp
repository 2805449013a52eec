// The filter is run here by an interpreter of the few instructions it uses.
#include "tools/supervisor/filter.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>

#include "shim/control/supervision.h"

namespace recshim::supervisor {
namespace {

uint32_t run(const std::vector<sock_filter>& filter, const seccomp_data& data) {
  uint32_t accumulator = 0;
  for (size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& line = filter[at];
    const bool equal = accumulator == line.k;
    const bool bits = (accumulator & line.k) != 0;
    switch (line.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + line.k, 4);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= line.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        at += equal ? line.jt : line.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        at += bits ? line.jt : line.jf;
        break;
      case BPF_RET | BPF_K:
        return line.k;
      default:
        ADD_FAILURE() << "an instruction that is not expected: " << line.code;
        return 0;
    }
  }
  ADD_FAILURE() << "it ends without a verdict";
  return 0;
}

seccomp_data call(uint32_t number, std::initializer_list<uint64_t> arguments = {},
                  uint32_t architecture = kMachine.architecture) {
  seccomp_data data{};
  data.nr = static_cast<int>(number);
  data.arch = architecture;
  size_t i = 0;
  for (const uint64_t argument : arguments) data.args[i++] = argument;
  return data;
}

constexpr uint32_t kAsk = SECCOMP_RET_USER_NOTIF;
constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;

TEST(Filter, AsksAboutConnectAndNothingThatIsNotOpeningAConnection) {
  const auto filter = build_filter({});
  EXPECT_EQ(run(filter, call(SYS_connect)), kAsk);
  for (const uint32_t number : {SYS_read, SYS_write, SYS_openat, SYS_socket, SYS_bind, SYS_accept4,
                                SYS_recvfrom, SYS_execve, SYS_futex, SYS_close}) {
    EXPECT_EQ(run(filter, call(number)), kAllow) << number;
  }
}

TEST(Filter, AsksAboutSendtoWithAnAddress) {
  const auto filter = build_filter({});
  EXPECT_EQ(run(filter, call(SYS_sendto, {3, 1, 2, 0, 0, 0})), kAllow);
  EXPECT_EQ(run(filter, call(SYS_sendto, {3, 1, 2, 0, 0x7fff0000, 16})), kAsk);
  // An address of which only the upper half is not zero.
  EXPECT_EQ(run(filter, call(SYS_sendto, {3, 1, 2, 0, uint64_t{0x7fff} << 32, 16})), kAsk);
}

TEST(Filter, AsksAboutMessagesThatOpenAConnectionOrInAWholeTree) {
  const auto filter = build_filter({});
  EXPECT_EQ(run(filter, call(SYS_sendmsg, {3, 1, 0})), kAllow);
  EXPECT_EQ(run(filter, call(SYS_sendmsg, {3, 1, MSG_FASTOPEN | MSG_NOSIGNAL})), kAsk);
  EXPECT_EQ(run(filter, call(SYS_sendmmsg, {3, 1, 2, MSG_NOSIGNAL})), kAllow);
  EXPECT_EQ(run(filter, call(SYS_sendmmsg, {3, 1, 2, MSG_FASTOPEN})), kAsk);
  FilterOptions whole;
  whole.whole_tree = true;
  EXPECT_EQ(run(build_filter(whole), call(SYS_sendmsg, {3, 1, 0})), kAsk);
  EXPECT_EQ(run(build_filter(whole), call(SYS_sendmmsg, {3, 1, 2, 0})), kAsk);
}

TEST(Filter, LetsCallsGoOnThatTheLibraryHasSeen) {
  FilterOptions whole;
  whole.whole_tree = true;
  constexpr uint64_t kSeen = uint64_t{control::kSeenByLibrary} << 32;
  for (const auto& filter : {build_filter({}), build_filter(whole)}) {
    EXPECT_EQ(run(filter, call(SYS_connect, {3, 1, kSeen | 16})), kAllow);
    EXPECT_EQ(run(filter, call(SYS_connect, {3, 1, kSeen + (uint64_t{1} << 32) + 16})), kAsk);
    EXPECT_EQ(run(filter, call(SYS_sendto, {3, 1, 2, 0, 0x8000, kSeen | 16})), kAllow);
    EXPECT_EQ(run(filter, call(SYS_sendmsg, {3, 1, kSeen | MSG_FASTOPEN})), kAllow);
    EXPECT_EQ(run(filter, call(SYS_sendmmsg, {3, 1, 2, kSeen})), kAllow);
  }
}

TEST(Filter, RingsAreRefusedWhereTheyWouldGoUnseen) {
  EXPECT_EQ(run(build_filter({}), call(kIoUringSetup)), kAllow);
  FilterOptions forbidding;
  forbidding.forbid_io_uring = true;
  EXPECT_EQ(run(build_filter(forbidding), call(kIoUringSetup)),
            SECCOMP_RET_ERRNO | static_cast<uint32_t>(ENOSYS));
}

struct Known {
  const char* name;
  Machine machine;
};
class FilterOf : public testing::TestWithParam<Known> {};
INSTANTIATE_TEST_SUITE_P(Machines, FilterOf,
                         testing::Values(Known{"x86_64", kX86_64}, Known{"aarch64", kAArch64}),
                         [](const auto& known) { return known.param.name; });

TEST_P(FilterOf, AsksFor64And32BitPrograms) {
  const Machine& machine = GetParam().machine;
  FilterOptions options;
  options.forbid_io_uring = true;
  const auto filter = build_filter(options, machine);
  for (const auto& [architecture, calls] :
       {std::pair(machine.architecture, machine.calls),
        std::pair(machine.compat_architecture, machine.compat_calls)}) {
    SCOPED_TRACE(architecture);
    const auto verdict = [&, arch = architecture](uint32_t number,
                                                  std::initializer_list<uint64_t> arguments = {}) {
      return run(filter, call(number, arguments, arch));
    };
    EXPECT_EQ(verdict(calls.connect), kAsk);
    EXPECT_EQ(verdict(calls.sendto, {3, 1, 2, 0, 0x8000, 16}), kAsk);
    EXPECT_EQ(verdict(calls.sendto, {3, 1, 2, 0, 0, 0}), kAllow);
    EXPECT_EQ(verdict(calls.sendmsg, {3, 1, MSG_FASTOPEN}), kAsk);
    EXPECT_EQ(verdict(calls.sendmmsg, {3, 1, 2, MSG_FASTOPEN}), kAsk);
    EXPECT_EQ(verdict(kIoUringSetup), SECCOMP_RET_ERRNO | static_cast<uint32_t>(ENOSYS));
    EXPECT_EQ(verdict(0xffffffff), kAllow);
  }
  // The number of the one's connect is another call of the other's.
  EXPECT_EQ(run(filter, call(machine.calls.connect, {}, machine.compat_architecture)), kAllow);
  EXPECT_EQ(run(filter, call(machine.calls.connect, {}, AUDIT_ARCH_S390X)), kAllow);
}

TEST(Filter, KnowsTheOtherInterfacesOfX86) {
  const auto filter = build_filter({}, kX86_64);
  const auto compat = [](uint32_t number, std::initializer_list<uint64_t> arguments) {
    return call(number, arguments, AUDIT_ARCH_I386);
  };
  EXPECT_EQ(run(filter, compat(102, {kSocketcallConnect, 0x8000})), kAsk);
  EXPECT_EQ(run(filter, compat(102, {kSocketcallSendto, 0x8000})), kAsk);
  EXPECT_EQ(run(filter, compat(102, {1, 0x8000})), kAllow) << "socket";
  EXPECT_EQ(run(filter, call(42 | 0x40000000, {}, AUDIT_ARCH_X86_64)), kAsk) << "x32";
}

}  // namespace
}  // namespace recshim::supervisor
