// See tls_nss.h. No NSS header is included and nothing of it is linked.
#include "shim/ops/tls_nss.h"

#include <sys/stat.h>

#include <optional>
#include <string>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/ops/tls_resolve.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/trust.h"
#include "shim/store/json_bytes.h"

namespace recshim::ops::nss {
namespace {

// Values of NSS's headers.
constexpr int kSuccess = 0, kFailure = -1;
constexpr unsigned kValidCa = 1U << 3, kTrustedCa = 1U << 4;

struct Item {  // SECItem
  int type;
  unsigned char* data;
  unsigned size;
};
struct Purposes {  // CERTCertTrust
  unsigned tls, email, objects;
};

struct Api {
  void* (*SECMOD_OpenUserDB)(const char*) = nullptr;
  int (*PK11_NeedUserInit)(void*) = nullptr;
  int (*PK11_InitPin)(void*, const char*, const char*) = nullptr;
  void* (*CERT_GetDefaultCertDB)() = nullptr;
  void* (*CERT_NewTempCertificate)(void*, Item*, const char*, int, int) = nullptr;
  int (*PK11_ImportCert)(void*, void*, unsigned long, const char*, int) = nullptr;
  int (*CERT_ChangeCertTrust)(void*, void*, Purposes*) = nullptr;
  void (*CERT_DestroyCertificate)(void*) = nullptr;
};

template <typename Function>
bool bind(const void* caller, Function& function, const char* name) {
  void* symbol = find_for_caller(caller, name);
  if (symbol == nullptr) symbol = find_next(name);
  function = reinterpret_cast<Function>(symbol);
  return symbol != nullptr;
}

std::optional<Api> bind_all(const void* caller) {
  Api api;
#define RECSHIM_BIND(name) bind(caller, api.name, #name)
  const bool all = RECSHIM_BIND(SECMOD_OpenUserDB) && RECSHIM_BIND(PK11_NeedUserInit) &&
                   RECSHIM_BIND(PK11_InitPin) && RECSHIM_BIND(CERT_GetDefaultCertDB) &&
                   RECSHIM_BIND(CERT_NewTempCertificate) && RECSHIM_BIND(PK11_ImportCert) &&
                   RECSHIM_BIND(CERT_ChangeCertTrust) && RECSHIM_BIND(CERT_DestroyCertificate);
#undef RECSHIM_BIND
  return all ? std::optional(api) : std::nullopt;
}

// The session's CA as DER; empty where there is none or nothing is to be trusted.
std::string session_ca() {
  const runtime::OwnWork work;
  const char* path = runtime::session_ca_path();
  if (path == nullptr || runtime::in_vfork_child() || !runtime::have_session_ca()) return "";
  const auto pem = posix_env().read_file(path);
  if (!pem) return "";
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  const size_t begin = pem->find(kBegin);
  const size_t end = pem->find("-----END CERTIFICATE-----");
  if (begin == std::string::npos || end == std::string::npos) return "";
  std::string text = pem->substr(begin + kBegin.size(), end - begin - kBegin.size());
  std::erase(text, '\n');
  return store::from_base64(text).value_or("");
}

// Opens the session's database, made by the first process that comes here, with the CA in it.
bool open_database(const Api& api, const std::string& der) {
  std::string folder;
  {
    const runtime::OwnWork work;
    folder = runtime::runtime()->config.session_dir + "/nssdb";
    mkdir(folder.c_str(), 0700);
  }
  const std::string what = "configDir='sql:" + folder + "' tokenDescription='recshim session'";
  void* slot = api.SECMOD_OpenUserDB(what.c_str());
  if (slot == nullptr) return false;
  if (api.PK11_NeedUserInit(slot) != 0) api.PK11_InitPin(slot, "", "");
  std::string copy = der;
  Item item{0, reinterpret_cast<unsigned char*>(copy.data()), static_cast<unsigned>(copy.size())};
  void* store = api.CERT_GetDefaultCertDB();
  void* certificate = api.CERT_NewTempCertificate(store, &item, nullptr, 0, 1);
  if (certificate == nullptr) return false;
  Purposes purposes{kValidCa | kTrustedCa, 0, 0};
  // Once imported, it is in our database that the trust is written.
  const bool done = api.PK11_ImportCert(slot, certificate, 0, "recshim session", 0) == kSuccess &&
                    api.CERT_ChangeCertTrust(store, certificate, &purposes) == kSuccess;
  api.CERT_DestroyCertificate(certificate);
  return done;  // the slot stays open as long as NSS
}

int open_nss(const void* caller, const char* name, const char* folder) {
  int (*original)(const char*) = nullptr;
  if (!bind(caller, original, name)) return kFailure;
  const int result = original(folder);
  if (result != kSuccess || runtime::in_own_work()) return result;
  const std::string der = session_ca();
  if (der.empty()) return result;
  const std::optional<Api> api = bind_all(caller);
  if (!api || !open_database(*api, der)) {
    const runtime::OwnWork work;
    log::warn("NSS does not take the session's CA: TLS to configured hosts will not be trusted");
  }
  return result;
}

}  // namespace

int NSS_Init(const void* caller, const char* folder) {
  return open_nss(caller, "NSS_Init", folder);
}

int NSS_InitReadWrite(const void* caller, const char* folder) {
  return open_nss(caller, "NSS_InitReadWrite", folder);
}

int NSS_NoDB_Init(const void* caller, const char* folder) {
  return open_nss(caller, "NSS_NoDB_Init", folder);
}

}  // namespace recshim::ops::nss
