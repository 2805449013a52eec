// Addresses and the host names they stand for: what lookups answered, and the synthetic
// addresses that stand for configured hosts without any DNS.
#pragma once

#include <optional>
#include <string>

#include "shim/control/endpoint.h"
#include "shim/control/local_hosts.h"

namespace recshim::runtime {

using control::Endpoint;
using control::endpoint_from_text;
using control::endpoint_of;
using control::is_local_host;
using control::is_numeric_host;
using control::to_sockaddr;

// The dotted synthetic address of host, the same in every process of the session.
// REQUIRES: OwnWork.
std::string synthetic_address(const std::string& host);
// Remembers that a lookup of host answered this address. REQUIRES: OwnWork.
void remember_lookup(const std::string& host, const Endpoint& endpoint);
// The name asked for, or nullopt; the last one where several had the address. REQUIRES: OwnWork.
std::optional<std::string> host_of(const Endpoint& endpoint);
// Whether host can be meant by a connection to this address: a lookup of it gave the address, it
// is the address, or nobody looked the address up. REQUIRES: OwnWork.
bool may_be_at(const std::string& host, const Endpoint& endpoint);

}  // namespace recshim::runtime
