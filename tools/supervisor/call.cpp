// See call.h.
#include "tools/supervisor/call.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tools/supervisor/task.h"

namespace recshim::supervisor {
namespace {

using Arguments = std::array<uint64_t, 6>;

// A call's address argument: where it lies and how long it is.
struct Place {
  uint64_t address = 0;
  uint64_t length = 0;
};

Status read_address(pid_t thread, const Place& place, Call& call) {
  if (place.address == 0 || place.length < sizeof(sa_family_t)) return {};
  const size_t size = std::min<uint64_t>(place.length, sizeof(sockaddr_storage));
  const auto bytes = read_memory(thread, place.address, size);
  if (!bytes) return bytes.error();
  sockaddr_storage storage{};
  std::memcpy(&storage, bytes->data(), size);
  call.family = storage.ss_family;
  call.address_at = place.address;
  call.address =
      control::endpoint_of(reinterpret_cast<sockaddr*>(&storage), static_cast<socklen_t>(size));
  if (call.family == AF_UNIX) call.unix_name = bytes->substr(sizeof(sa_family_t));
  return {};
}

// The address of the first message that has one: msg_name and msg_namelen lead a msghdr.
Status read_message_address(pid_t thread, uint64_t header, bool compat, Call& call) {
  const auto bytes = read_memory(thread, header, compat ? 8 : 12);
  if (!bytes) return bytes.error();
  Place place;
  uint32_t length = 0;
  if (compat) {
    uint32_t address = 0;
    std::memcpy(&address, bytes->data(), 4);
    place.address = address;
  } else {
    std::memcpy(&place.address, bytes->data(), 8);
  }
  std::memcpy(&length, bytes->data() + (compat ? 4 : 8), 4);
  place.length = length;
  return read_address(thread, place, call);
}

bool is_compat(const Notification& notification, const Machine& machine) {
  return notification.data.arch == machine.compat_architecture;
}

const CallNumbers& numbers_of(const Notification& notification, const Machine& machine) {
  return is_compat(notification, machine) ? machine.compat_calls : machine.calls;
}

// Of the system call, without the bit of the x32 interface.
uint32_t number_of(const Notification& notification, const Machine& machine) {
  const auto number = static_cast<uint32_t>(notification.data.nr);
  return is_compat(notification, machine) ? number : number & machine.number_bits;
}

}  // namespace

Result<Call> decode_call(const Notification& notification, const Machine& machine) {
  const bool compat = is_compat(notification, machine);
  const CallNumbers& calls = numbers_of(notification, machine);
  uint32_t number = number_of(notification, machine);
  Arguments arguments{};
  std::copy(std::begin(notification.data.args), std::end(notification.data.args),
            arguments.begin());
  if (compat && calls.socketcall != 0 && number == calls.socketcall) {
    number = arguments[0] == kSocketcallConnect ? calls.connect : calls.sendto;
    const size_t count = number == calls.connect ? 3 : 6;
    const auto words = read_memory(notification.thread, arguments[1], count * 4);
    if (!words) return words.error();
    for (size_t i = 0; i < count; ++i) {
      uint32_t word = 0;
      std::memcpy(&word, words->data() + i * 4, 4);
      arguments[i] = word;
    }
  }

  Call call;
  call.fd = static_cast<int>(arguments[0]);
  Status read;
  if (number == calls.connect) {
    call.is_connect = true;
    read = read_address(notification.thread, {arguments[1], arguments[2] & 0xffffffff}, call);
  } else if (number == calls.sendto) {
    call.fast_open = (arguments[3] & MSG_FASTOPEN) != 0;
    read = read_address(notification.thread, {arguments[4], arguments[5] & 0xffffffff}, call);
  } else {
    const uint64_t flags = arguments[number == calls.sendmsg ? 2 : 3];
    call.fast_open = (flags & MSG_FASTOPEN) != 0;
    read = read_message_address(notification.thread, arguments[1], compat, call);
  }
  if (!read) return read.error();
  return call;
}

bool may_lead_out(const Notification& notification, const Machine& machine) {
  const CallNumbers& calls = numbers_of(notification, machine);
  const uint32_t number = number_of(notification, machine);
  const auto* arguments = notification.data.args;
  if (number == calls.sendmsg) return (arguments[2] & MSG_FASTOPEN) != 0;
  if (number == calls.sendmmsg) return (arguments[3] & MSG_FASTOPEN) != 0;
  if (number != calls.connect && number != calls.sendto) return true;
  const auto length = static_cast<uint32_t>(arguments[number == calls.connect ? 2 : 5]);
  // A path's is another: programs give sizeof(sockaddr_un), or as much as the path takes.
  return length == sizeof(sockaddr_in) || length == sizeof(sockaddr_in6) ||
         length == sizeof(sockaddr_storage);
}

}  // namespace recshim::supervisor
