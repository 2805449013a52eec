// See upstream_trust.h.
#include "tools/gateway/upstream_trust.h"

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <sys/stat.h>

namespace recshim::gateway {

UpstreamTrust::UpstreamTrust(std::string bundle, std::vector<std::string> extra,
                             std::vector<std::string> folders)
    : bundle_(std::move(bundle)), extra_(std::move(extra)), folders_(std::move(folders)) {}

std::string UpstreamTrust::state_of_files() const {
  std::string state;
  const auto add = [&state](const std::string& path) {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) file = {};
    state += fmt::format("{}:{}:{}:{}.{} ", file.st_dev, file.st_ino, file.st_size,
                         file.st_mtim.tv_sec, file.st_mtim.tv_nsec);
  };
  add(bundle_);
  for (const std::string& path : extra_) add(path);
  return state;
}

Result<CertStorePtr> UpstreamTrust::read() const {
  CertStorePtr store(X509_STORE_new());
  if (!store) return Error{ErrorCode::kIo, "OpenSSL has no memory for the authorities"};
  // As libcurl has it: an authority in the bundle need not be a root.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
  std::string bundle = bundle_;
  if (bundle.empty()) {
    const curl_version_info_data* built = curl_version_info(CURLVERSION_NOW);
    if (built->cainfo != nullptr) bundle = built->cainfo;
    if (built->capath != nullptr) X509_STORE_load_path(store.get(), built->capath);
  }
  const bool read = bundle.empty() || X509_STORE_load_file(store.get(), bundle.c_str()) == 1;
  for (const std::string& path : extra_) X509_STORE_load_file(store.get(), path.c_str());
  for (const std::string& folder : folders_) X509_STORE_load_path(store.get(), folder.c_str());
  ERR_clear_error();
  if (!read && !bundle_.empty()) {
    return Error{ErrorCode::kIo, fmt::format("{} can't be read, or has no certificates", bundle)};
  }
  return store;
}

Result<CertStorePtr> UpstreamTrust::store() {
  const std::lock_guard lock(mutex_);
  const std::string state = state_of_files();
  if (!known_ || state != state_) {
    auto fresh = read();
    if (!fresh) return fresh.error();
    known_ = std::move(*fresh);
    state_ = state;
  }
  X509_STORE_up_ref(known_.get());
  return CertStorePtr(known_.get());
}

}  // namespace recshim::gateway
