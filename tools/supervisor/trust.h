// The certificate authorities of a supervised program: its own, and the session's.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"

namespace recshim::supervisor {

// The variables by which programs that carry their own TLS are told their authorities, with
// values that name a bundle in the session's folder: what the variable named before, or the
// system's bundle, and the session's CA after it. SSL_CERT_FILE always; the others where
// they are set. REQUIRES: `<session_dir>/ca.pem` is there. Errors: kIo.
Result<std::vector<std::pair<std::string, std::string>>> trust_variables(
    const std::string& session_dir, const control::GetEnv& get_env);

}  // namespace recshim::supervisor
