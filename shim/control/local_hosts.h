// Which hosts are this machine. Asks the operating system once a process.
#pragma once

#include <string>

namespace recshim::control {

// Loopback, this machine's own addresses, and the /etc/hosts names of either.
// Threads: any.
bool is_local_host(const std::string& host);
bool is_numeric_host(const std::string& host);

}  // namespace recshim::control
