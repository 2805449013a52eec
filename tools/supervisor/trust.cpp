// See trust.h.
#include "tools/supervisor/trust.h"

#include <array>

#include "shim/base/env.h"
#include "shim/base/sha256.h"
#include "shim/control/ca_bundles.h"

namespace recshim::supervisor {
namespace {

constexpr std::array kVariables = {"SSL_CERT_FILE",       "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE",
                                   "NODE_EXTRA_CA_CERTS", "DENO_CERT",      "GIT_SSL_CAINFO"};

// The bundle made of the file at path ("": of none) and the CA.
Result<std::string> bundle_of(const std::string& path, const std::string& session_dir) {
  Env& env = posix_env();
  const auto ca = env.read_file(session_dir + "/ca.pem");
  if (!ca) return ca.error();
  std::string text;
  if (!path.empty()) {
    // A file the program could not have read either is its own affair.
    if (auto own = env.read_file(path)) text = std::move(*own);
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  text += *ca;
  // Named by what it holds: processes that make the same one at once do no harm.
  const std::string bundle = session_dir + "/bundle-" + sha256_hex(text).substr(0, 16) + ".pem";
  if (!env.stat(bundle)) {
    if (const Status written = env.write_atomic(bundle, text); !written) return written.error();
  }
  return bundle;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> trust_variables(
    const std::string& session_dir, const control::GetEnv& get_env) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const char* name : kVariables) {
    std::string path = get_env(name).value_or("");
    // Handed on by a supervised parent.
    if (path.starts_with(session_dir + "/bundle-")) continue;
    if (path.empty()) {
      if (std::string_view(name) != "SSL_CERT_FILE") continue;
      path = control::system_bundle(posix_env());
    }
    auto bundle = bundle_of(path, session_dir);
    if (!bundle) return bundle.error();
    variables.emplace_back(name, *bundle);
  }
  return variables;
}

}  // namespace recshim::supervisor
