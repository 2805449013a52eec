// Calls of every machine's programs, with their arguments in this process.
#include "tools/supervisor/call.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace recshim::supervisor {
namespace {

// Memory where a 32-bit program can have its own.
class LowMemory {
 public:
  LowMemory() {
    for (uintptr_t at = 0x10000000; start_ == nullptr && at < 0xf0000000; at += 0x10000000) {
      void* mapped = mmap(reinterpret_cast<void*>(at), kBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
      if (mapped != MAP_FAILED) start_ = static_cast<char*>(mapped);
    }
  }
  ~LowMemory() {
    if (start_ != nullptr) munmap(start_, kBytes);
  }
  LowMemory(const LowMemory&) = delete;
  LowMemory& operator=(const LowMemory&) = delete;

  template <typename T>
  uint64_t put(const T& value) {
    char* place = start_ + used_;
    std::memcpy(place, &value, sizeof value);
    used_ += (sizeof value + 15) / 16 * 16;
    return reinterpret_cast<uint64_t>(place);
  }

 private:
  static constexpr size_t kBytes = size_t{64} << 10;
  char* start_ = nullptr;
  size_t used_ = 0;
};

struct Known {
  const char* name;
  Machine machine;
};

class CallOf : public testing::TestWithParam<Known> {
 protected:
  CallOf() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(443);
    address.sin_addr.s_addr = htonl(0xc6120007);  // 198.18.0.7
    address_ = memory_.put(address);
    // struct msghdr begins with the address and its length; pointers are as long as the program's.
    long_message_ = memory_.put(std::array<uint64_t, 7>{address_, kLength});
    short_message_ = memory_.put(
        std::array<uint32_t, 7>{static_cast<uint32_t>(address_), static_cast<uint32_t>(kLength)});
  }

  Call decode(uint32_t architecture, uint32_t number, std::array<uint64_t, 6> arguments) {
    Notification notification;
    notification.thread = getpid();
    notification.data.arch = architecture;
    notification.data.nr = static_cast<int>(number);
    std::copy(arguments.begin(), arguments.end(), notification.data.args);
    const auto call = decode_call(notification, GetParam().machine);
    EXPECT_TRUE(call) << (call ? "" : call.error().message);
    if (!call) return {};
    EXPECT_EQ(call->fd, 5);
    EXPECT_TRUE(call->address.has_value());
    if (call->address) {
      EXPECT_EQ(call->address->port, 443);
    }
    EXPECT_EQ(call->family, AF_INET);
    return *call;
  }

  static constexpr uint64_t kLength = sizeof(sockaddr_in);
  LowMemory memory_;
  uint64_t address_ = 0;
  uint64_t long_message_ = 0;
  uint64_t short_message_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Machines, CallOf,
                         testing::Values(Known{"x86_64", kX86_64}, Known{"aarch64", kAArch64}),
                         [](const auto& known) { return known.param.name; });

TEST_P(CallOf, ReadsTheAddressOf64And32BitPrograms) {
  const Machine& machine = GetParam().machine;
  for (const bool compat : {false, true}) {
    SCOPED_TRACE(compat ? "32 bits" : "64 bits");
    const uint32_t architecture = compat ? machine.compat_architecture : machine.architecture;
    const CallNumbers& calls = compat ? machine.compat_calls : machine.calls;
    const uint64_t message = compat ? short_message_ : long_message_;

    EXPECT_TRUE(decode(architecture, calls.connect, {5, address_, kLength}).is_connect);
    const Call sent =
        decode(architecture, calls.sendto, {5, 0, 0, MSG_FASTOPEN, address_, kLength});
    EXPECT_TRUE(sent.fast_open && !sent.is_connect);
    EXPECT_FALSE(decode(architecture, calls.sendto, {5, 0, 0, 0, address_, kLength}).fast_open);
    // Their flags are at different places.
    EXPECT_TRUE(decode(architecture, calls.sendmsg, {5, message, MSG_FASTOPEN, 0}).fast_open);
    EXPECT_FALSE(decode(architecture, calls.sendmsg, {5, message, 0, MSG_FASTOPEN}).fast_open);
    EXPECT_TRUE(decode(architecture, calls.sendmmsg, {5, message, 1, MSG_FASTOPEN}).fast_open);
    EXPECT_FALSE(decode(architecture, calls.sendmmsg, {5, message, MSG_FASTOPEN, 0}).fast_open);
  }
}

TEST_P(CallOf, ReadsTheArgumentsOfSocketcall) {
  const Machine& machine = GetParam().machine;
  if (machine.compat_calls.socketcall == 0) return;
  const auto address = static_cast<uint32_t>(address_);
  const auto length = static_cast<uint32_t>(kLength);
  const uint64_t connect = memory_.put(std::array<uint32_t, 3>{5, address, length});
  const uint64_t sendto =
      memory_.put(std::array<uint32_t, 6>{5, 0, 0, MSG_FASTOPEN, address, length});
  EXPECT_TRUE(decode(machine.compat_architecture, machine.compat_calls.socketcall,
                     {kSocketcallConnect, connect})
                  .is_connect);
  EXPECT_TRUE(decode(machine.compat_architecture, machine.compat_calls.socketcall,
                     {kSocketcallSendto, sendto})
                  .fast_open);
}

TEST_P(CallOf, TellsX32ByABitOfTheNumber) {
  const Machine& machine = GetParam().machine;
  const uint32_t other = ~machine.number_bits & 0x40000000;
  EXPECT_TRUE(decode(machine.architecture, machine.calls.connect | other, {5, address_, kLength})
                  .is_connect);
}

TEST_P(CallOf, TellsByItsLengthWhetherAnAddressMayLeadOut) {
  const Machine& machine = GetParam().machine;
  Notification notification;
  notification.data.arch = machine.compat_architecture;
  notification.data.nr = static_cast<int>(machine.compat_calls.connect);
  for (const uint64_t length : {sizeof(sockaddr_in), sizeof(sockaddr_in6), size_t{110}}) {
    notification.data.args[2] = length;
    EXPECT_EQ(may_lead_out(notification, machine), length != 110) << length;
  }
}

}  // namespace
}  // namespace recshim::supervisor
