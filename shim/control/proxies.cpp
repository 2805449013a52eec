// See proxies.h.
#include "shim/control/proxies.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "shim/http/message.h"

namespace recshim::control {
namespace {

// "http://user@proxy:3128/" → proxy, 3128. Source: curl(1), environment.
std::optional<Proxy> parse_proxy(std::string text) {
  uint16_t port = 1080;
  const size_t scheme = text.find("://");
  if (scheme != std::string::npos) {
    const std::string name = http::to_lower(text.substr(0, scheme));
    if (name != "http" && name != "https") return std::nullopt;  // socks: not HTTP
    port = name == "https" ? 443 : 80;
    text.erase(0, scheme + 3);
  }
  text.resize(std::min(text.find('/'), text.size()));
  const size_t at = text.rfind('@');
  if (at != std::string::npos) text.erase(0, at + 1);
  Proxy proxy;
  const size_t bracket = text.rfind(']');
  const size_t colon = text.rfind(':');
  if (colon != std::string::npos && (bracket == std::string::npos || colon > bracket)) {
    port = static_cast<uint16_t>(std::strtoul(text.c_str() + colon + 1, nullptr, 10));
    text.resize(colon);
  }
  if (text.size() > 2 && text.front() == '[') text = text.substr(1, text.size() - 2);
  if (text.empty() || port == 0) return std::nullopt;
  proxy.host = http::to_lower(text);
  proxy.port = port;
  return proxy;
}

}  // namespace

std::vector<Proxy> proxies_of_environment(const GetEnv& get_env) {
  std::vector<Proxy> proxies;
  for (const char* name :
       {"https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"}) {
    const auto value = get_env(name);
    if (!value) continue;
    if (auto proxy = parse_proxy(*value)) proxies.push_back(*proxy);
  }
  return proxies;
}

}  // namespace recshim::control
