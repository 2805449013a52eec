// The session's certificate authority: one key and certificate for all gateways of a
// session, and the leaves that stand for the hosts. Knows no connections.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "shim/base/result.h"
#include "tools/gateway/openssl_ptr.h"

namespace recshim::gateway {

// Files in the session's folder. The certificate is for everyone (0644), the key is its
// owner's alone (0600), and both go with the folder.
std::string ca_path(const std::string& session_dir);
std::string ca_key_path(const std::string& session_dir);

// Makes both files unless they are there; in the folder that control::make_session_dir()
// has made. Processes that do so at once get the same ones. Errors: kIo.
Status prepare_authority(const std::string& session_dir);

// Threads: any.
class Authority {
 public:
  // Prepares and reads the files.
  static Result<std::unique_ptr<Authority>> open(const std::string& session_dir);

  // What a server for host uses: a leaf whose subject alternative name is host (name or
  // address), TLS 1.2 and up. Of what the client offers by ALPN it chooses http/1.1, or h2 where
  // that is not offered. The same for every call with this host.
  // untrusted: the leaf signs itself, so that no client can take it for the host's.
  // Lives as long as the authority.
  Result<SSL_CTX*> server_context(const std::string& host, bool untrusted = false);

  [[nodiscard]] X509* certificate() const { return certificate_.get(); }

 private:
  Authority() = default;
  Result<SslContextPtr> make_context(const std::string& host, bool untrusted);

  KeyPtr key_;
  CertPtr certificate_;
  KeyPtr leaf_key_;  // one for all: it says nothing that the leaves do not
  std::mutex mutex_;
  std::map<std::pair<std::string, bool>, SslContextPtr> contexts_;
};

// The session of a server_context() that is to choose nothing of what the client offers by ALPN.
void choose_no_protocol(SSL* ssl);

}  // namespace recshim::gateway
