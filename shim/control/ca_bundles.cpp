// See ca_bundles.h.
#include "shim/control/ca_bundles.h"

namespace recshim::control {

std::string system_bundle(Env& env) {
  for (const char* bundle : kSystemBundles) {
    if (env.stat(bundle)) return bundle;
  }
  return {};
}

}  // namespace recshim::control
