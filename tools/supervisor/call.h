// What a notified system call asks for: which socket, and which address. Source: connect(2),
// sendto(2), sendmmsg(2), socketcall(2), for 64-bit and 32-bit programs.
#pragma once

#include <cstdint>
#include <optional>

#include "shim/base/result.h"
#include "shim/control/endpoint.h"
#include "tools/supervisor/machine.h"
#include "tools/supervisor/notification.h"

namespace recshim::supervisor {

struct Call {
  int fd = -1;
  bool is_connect = false;                   // else something is sent
  bool fast_open = false;                    // a connection is opened with the first bytes in it
  std::optional<control::Endpoint> address;  // none: there is none, or of another family
  int family = 0;
  std::string unix_name;    // of AF_UNIX: the path, with its leading null if abstract
  uint64_t address_at = 0;  // where the address lies in the program's memory
};

// Reads the address from the program's memory. A send without an address is a call without
// one. Errors: as read_memory().
Result<Call> decode_call(const Notification& notification, const Machine& machine = kMachine);

// Of a call whose address can't be read: whether it may be one of the Internet, by its length.
bool may_lead_out(const Notification& notification, const Machine& machine = kMachine);

}  // namespace recshim::supervisor
