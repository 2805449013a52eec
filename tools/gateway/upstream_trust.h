// The authorities that vouch for real servers, read once and shared by all connections to them.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "tools/gateway/openssl_ptr.h"

namespace recshim::gateway {

// Threads: any.
class UpstreamTrust {
 public:
  // bundle: must be readable when it is asked for; empty: what libcurl was built to use. extra:
  // files trusted besides, which add nothing where they can't be read. folders: the same, of files
  // named by `openssl rehash`, read as they are needed.
  UpstreamTrust(std::string bundle, std::vector<std::string> extra,
                std::vector<std::string> folders);

  // A reference of the caller's own; read anew when a file has changed since.
  Result<CertStorePtr> store();

 private:
  [[nodiscard]] std::string state_of_files() const;
  Result<CertStorePtr> read() const;

  const std::string bundle_;
  const std::vector<std::string> extra_, folders_;
  std::mutex mutex_;
  CertStorePtr known_;
  std::string state_;  // of the files that known_ is from
};

}  // namespace recshim::gateway
