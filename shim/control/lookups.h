// Which configured hosts the processes of a session have looked up at which addresses, kept in its
// memory: for the supervisor, which sees no lookups.
#pragma once

#include <optional>
#include <string>

#include "shim/base/session_memory.h"
#include "shim/control/endpoint.h"

namespace recshim::control {

// The port does not matter. Failures go to the log.
void note_lookup(SessionMemory& memory, const std::string& host, const Endpoint& endpoint);
// The last one.
std::optional<std::string> looked_up_at(const SessionMemory& memory, const Endpoint& endpoint);

}  // namespace recshim::control
