// See local_hosts.h.
#include "shim/control/local_hosts.h"

#include <ifaddrs.h>

#include <set>
#include <sstream>

#include "shim/base/env.h"
#include "shim/base/lasting.h"
#include "shim/control/endpoint.h"
#include "shim/http/message.h"

namespace recshim::control {
namespace {

// Calls visit(endpoint, names), the names in lower case, for each line of /etc/hosts.
template <typename Visit>
void for_each_hosts_line(Visit visit) {
  const auto hosts = posix_env().read_file("/etc/hosts");
  if (!hosts) return;
  std::istringstream lines(*hosts);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address;
    if (!(words >> address)) continue;
    const auto endpoint = endpoint_from_text(address, 0);
    if (!endpoint) continue;
    std::vector<std::string> names;
    for (std::string name; words >> name;) names.push_back(http::to_lower(name));
    visit(*endpoint, names);
  }
}

// Addresses and names.
std::set<std::string> load_local_hosts() {
  std::set<std::string> local;
  ifaddrs* interfaces = nullptr;
  if (getifaddrs(&interfaces) == 0) {
    for (auto* entry = interfaces; entry != nullptr; entry = entry->ifa_next) {
      if (entry->ifa_addr == nullptr) continue;
      if (auto endpoint = endpoint_of(entry->ifa_addr, sizeof(sockaddr_in6))) {
        local.insert(endpoint->text());
      }
    }
    freeifaddrs(interfaces);
  }
  std::vector<std::string> names_of_local;
  for_each_hosts_line([&](const Endpoint& endpoint, const std::vector<std::string>& names) {
    if (!endpoint.is_loopback() && local.count(endpoint.text()) == 0) return;
    names_of_local.insert(names_of_local.end(), names.begin(), names.end());
  });
  local.insert(names_of_local.begin(), names_of_local.end());
  return local;
}

}  // namespace

bool is_local_host(const std::string& host) {
  if (host == "localhost" || (host.size() > 10 && host.ends_with(".localhost"))) return true;
  if (auto endpoint = endpoint_from_text(host, 0)) {
    if (endpoint->is_loopback()) return true;
    static constexpr std::array<uint8_t, 16> kAny{};
    if (endpoint->address == kAny || (endpoint->is_v4() && endpoint->v4() == 0)) return true;
  }
  auto& hosts = lasting<[] { return new std::set<std::string>(load_local_hosts()); }>();
  return hosts.count(host) != 0;
}

std::vector<std::string> names_in_hosts_file(const std::string& address) {
  std::vector<std::string> found;
  const auto asked = endpoint_from_text(address, 0);
  for_each_hosts_line([&](const Endpoint& endpoint, const std::vector<std::string>& names) {
    if (asked && endpoint.address == asked->address) {
      found.insert(found.end(), names.begin(), names.end());
    }
  });
  return found;
}

bool is_numeric_host(const std::string& host) {
  return endpoint_from_text(host, 0).has_value();
}

}  // namespace recshim::control
