// The HTTP proxies that a program's environment names. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shim/control/config.h"

namespace recshim::control {

struct Proxy {
  std::string host;  // lower case
  uint16_t port = 0;
};

// Of HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, also in lower case; without those of SOCKS.
std::vector<Proxy> proxies_of_environment(const GetEnv& get_env);

}  // namespace recshim::control
