// See upgrade.h.
#include "shim/http/upgrade.h"

namespace recshim::http {

std::string asked_switch(const RequestHead& head) {
  const auto upgrade = find_header(head.headers, "Upgrade");
  if (!upgrade || !header_has_token(head.headers, "Connection", "upgrade")) return {};
  return equals_ignoring_case(*upgrade, "h2c") ? std::string() : std::string(*upgrade);
}

}  // namespace recshim::http
