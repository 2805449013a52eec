// Which hosts are this machine. Asks the operating system once a process.
#pragma once

#include <string>
#include <vector>

namespace recshim::control {

// Loopback, this machine's own addresses, and the /etc/hosts names of either.
// Threads: any.
bool is_local_host(const std::string& host);
bool is_numeric_host(const std::string& host);
// The names that /etc/hosts has for an address, in lower case. Read anew each time.
std::vector<std::string> names_in_hosts_file(const std::string& address);

}  // namespace recshim::control
