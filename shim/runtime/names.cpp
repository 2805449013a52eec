// See names.h.
#include "shim/runtime/names.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/base/log.h"
#include "shim/control/lookups.h"
#include "shim/control/session.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

struct Lookups {
  ForkMutex mutex{LockRank::kLookups};
  // Address text → hosts, the last one asked for at the end.
  std::unordered_map<std::string, std::vector<std::string>> hosts;
};

Lookups& lookups() {
  return lasting<[] { return new Lookups; }>();
}

}  // namespace

std::string synthetic_address(const std::string& host) {
  // Before the first file in it.
  if (auto made = prepare_session_dir(); !made) {
    log::warn("{}", made.error().message);
  }
  return control::v4_text(runtime()->addresses->address_of(host));
}

void remember_lookup(const std::string& host, const Endpoint& endpoint) {
  const auto* self = runtime();
  {
    const std::lock_guard lock(lookups().mutex);
    auto& hosts = lookups().hosts[endpoint.text()];
    if (!hosts.empty() && hosts.back() == host) return;
    std::erase(hosts, host);
    hosts.push_back(host);
  }
  if (self->hosts->configured(host, 0)) control::note_lookup(*self->memory, host, endpoint);
}

std::optional<std::string> host_of(const Endpoint& endpoint) {
  if (endpoint.is_synthetic()) return runtime()->addresses->host_of(endpoint.v4());
  const std::lock_guard lock(lookups().mutex);
  const auto found = lookups().hosts.find(endpoint.text());
  if (found == lookups().hosts.end()) return std::nullopt;
  return found->second.back();
}

bool may_be_at(const std::string& host, const Endpoint& endpoint) {
  if (endpoint.is_synthetic()) return host_of(endpoint) == host;
  const auto numeric = endpoint_from_text(host, 0);
  if (numeric) return numeric->address == endpoint.address;
  const std::lock_guard lock(lookups().mutex);
  const auto found = lookups().hosts.find(endpoint.text());
  if (found == lookups().hosts.end()) return true;
  const auto& hosts = found->second;
  return std::find(hosts.begin(), hosts.end(), host) != hosts.end();
}

}  // namespace recshim::runtime
