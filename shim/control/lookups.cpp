// See lookups.h.
#include "shim/control/lookups.h"

#include "shim/base/log.h"

namespace recshim::control {
namespace {

SessionMemory::Name name_of(const Endpoint& endpoint) {
  return {"looked up", endpoint.text()};
}

}  // namespace

void note_lookup(SessionMemory& memory, const std::string& host, const Endpoint& endpoint) {
  if (looked_up_at(memory, endpoint) == host) return;
  const Status noted = memory.append(name_of(endpoint), host);
  if (!noted) log::warn("a lookup of {} is not shared: {}", host, noted.error().message);
}

std::optional<std::string> looked_up_at(const SessionMemory& memory, const Endpoint& endpoint) {
  const auto newest = memory.newest(name_of(endpoint));
  return newest ? *newest : std::nullopt;
}

}  // namespace recshim::control
