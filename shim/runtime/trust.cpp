// See trust.h.
#include "shim/runtime/trust.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/base/sha256.h"
#include "shim/base/sys.h"
#include "shim/control/ca_bundles.h"
#include "shim/control/ca_folders.h"
#include "shim/control/session.h"
#include "shim/runtime/helper_program.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"

namespace recshim::runtime {
namespace {

constexpr int kPrepareTimeout_ms = 10000;
constexpr size_t kMaxPath = 4096;
constexpr off_t kMaxBundle_bytes = off_t{16} << 20;

// The bundle that packages carry: certifi, and its copies in pip, botocore and others.
constexpr std::string_view kPackagedBundle = "/cacert.pem";
constexpr std::array<std::string_view, 3> kKeyStores = {
    "/lib/security/cacerts", "/lib/security/jssecacerts", "/ssl/certs/java/cacerts"};
// By which users name a bundle of their own.
constexpr std::array kBundleVariables = {
    "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "DENO_CERT",
    "AWS_CA_BUNDLE", "PIP_CERT",       "GIT_SSL_CAINFO",     "NIX_SSL_CERT_FILE"};

struct Trust {
  std::string ca_path;
  std::vector<std::string> user_bundles;
  std::vector<std::string> user_folders;  // any file right in them may be a bundle
  // What a Node adds to what it trusts anyway, and does without where it can't be read.
  std::string nodes_extra;
};

Trust* trust = nullptr;  // made in start(), never destroyed
std::atomic<bool> wanted{false};
std::atomic<bool> ca_made{false};
std::atomic<bool> failure_told{false};
std::array<bool, 256> last_letters{};

void expect(std::string_view path) {
  if (!path.empty()) last_letters[static_cast<unsigned char>(path.back())] = true;
}

// Node, Bun and Deno export it, whatever they link.
bool is_node() {
  return real::dlsym_function() != nullptr &&
         real::dlsym_function()(RTLD_DEFAULT, "napi_create_object") != nullptr;
}

// Its symbols have a version of their own.
bool is_bun() {
  return dlvsym(RTLD_DEFAULT, "napi_create_object", "BUN_1.2") != nullptr;
}

int memory_file(const char* name) {
  return static_cast<int>(
      sys::call(SYS_memfd_create, sys::arg(name), MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

// Appends all of from to to. False when reading or writing failed.
bool copy(int from, int to) {
  std::string block(16384, '\0');
  for (;;) {
    const ssize_t n = sys::read(from, block.data(), block.size());
    if (n <= 0) return n == 0;
    for (ssize_t done = 0; done < n;) {
      const ssize_t put = sys::write(to, block.data() + done, static_cast<size_t>(n - done));
      if (put <= 0) return false;
      done += put;
    }
  }
}

bool append_file(const char* path, int to) {
  const int from = sys::open(path, O_RDONLY);
  if (from < 0) return false;
  const bool done = copy(from, to);
  sys::close(from);
  return done;
}

bool is_in_user_folder(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view folder = path.substr(0, slash == 0 ? 1 : slash);
  return std::find(trust->user_folders.begin(), trust->user_folders.end(), folder) !=
         trust->user_folders.end();
}

// A file of the program's that PEM may be appended to: certificates as text, nothing secret.
bool is_bundle(int fd, const struct stat& info) {
  if (!S_ISREG(info.st_mode) || info.st_size > kMaxBundle_bytes) return false;
  constexpr std::string_view kBegin = "CERTIFICATE-----";
  std::string block(16384, '\0');
  const ssize_t n = sys::pread(fd, block.data(), block.size(), 0);
  if (n <= 0) return false;
  return std::string_view(block).substr(0, static_cast<size_t>(n)).find(kBegin) !=
         std::string_view::npos;
}

// The memory file under made, for reading only and under the lowest number that is free;
// closes made.
int finish_memory_file(int made, const struct stat* like) {
  if (like != nullptr) {
    const timespec times[2] = {like->st_atim, like->st_mtim};
    sys::call(SYS_utimensat, made, 0, sys::arg(&times[0]), 0);
    sys::call(SYS_fchmod, made, like->st_mode & 0777);
  }
  sys::call(SYS_fcntl, made, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK);
  const int high = sys::move_high(made);
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", high);
  const int opened = sys::open(path, O_RDONLY);
  if (opened < 0) {  // no /proc: the writable one is sealed
    sys::call(SYS_lseek, high, 0, SEEK_SET);
    return high;
  }
  sys::close(high);
  return opened;
}

int open_bundle(const char* path) {
  int original = sys::open(path, O_RDONLY);
  // OpenSSL's default file, which this system may not have, is answered with the bundle that
  // it has: beside a folder of certificates an absent file is no error there.
  const bool is_default = std::string_view(path).ends_with("/cert.pem");
  const bool is_extra = trust->nodes_extra == path;
  struct stat info {};
  if (original >= 0) {
    const bool known = sys::call(SYS_fstat, original, sys::arg(&info)) == 0;
    if (!known || !is_bundle(original, info)) {
      sys::close(original);
      // What comes out of a pipe is theirs, and can be read once.
      if (!is_extra || S_ISFIFO(info.st_mode)) return -1;
      original = -EINVAL;
    }
  }
  if (original < 0 && !is_extra && (original != -ENOENT || !is_default)) return -1;
  const int made = memory_file("ca-bundle");
  if (made < 0) {
    if (original >= 0) sys::close(original);
    return -1;
  }
  bool done = true;
  if (original >= 0) {
    done = copy(original, made);
    sys::close(original);
  } else if (!is_extra) {
    for (const char* place : control::kSystemBundles) {
      if (append_file(place, made)) break;
    }
  }
  done = done && sys::write(made, "\n", 1) == 1 && append_file(trust->ca_path.c_str(), made);
  if (!done) {
    sys::close(made);
    return -1;
  }
  return finish_memory_file(made, original >= 0 ? &info : nullptr);
}

// Java's store with our CA in it, made once a session and store.
int open_key_store(const char* path) {
  struct stat info {};
  if (sys::call(SYS_newfstatat, AT_FDCWD, sys::arg(path), sys::arg(&info), 0) != 0 ||
      !S_ISREG(info.st_mode)) {
    return -1;
  }
  const std::string merged = fmt::format("{}/cacerts-{:x}-{:x}-{:x}", runtime()->config.session_dir,
                                         info.st_dev, info.st_ino, info.st_mtim.tv_sec);
  int fd = sys::open(merged.c_str(), O_RDONLY);
  if (fd >= 0) return fd;
  const auto made = run_helper({"gateway", "--java-cacerts", path, merged}, kPrepareTimeout_ms);
  if (made) fd = sys::open(merged.c_str(), O_RDONLY);
  if (fd < 0) {
    log::warn("{} is used without the session's CA: {}", path,
              made ? "the merged store cannot be opened" : made.error().message);
    return -1;
  }
  return fd;
}

// Bun opens files by system calls of its own, so the file that NODE_EXTRA_CA_CERTS names has
// to be there, with our CA, before Bun looks: the session's, or one made of the user's and it.
void name_bundle_for_bun() {
  constexpr const char* kVariable = "NODE_EXTRA_CA_CERTS";
  const char* users = std::getenv(kVariable);
  const std::string& folder = runtime()->config.session_dir;
  if (!have_session_ca()) return;
  if (users == nullptr || std::string_view(users).starts_with(folder + "/")) {
    real::setenv(kVariable, trust->ca_path.c_str(), 0);
    return;
  }
  const auto theirs = posix_env().read_file(users);
  const auto ours = posix_env().read_file(trust->ca_path);
  if (!ours) return;
  // What they name and can't be read adds nothing for Bun either.
  const std::string text = theirs.ok() ? *theirs + "\n" + *ours : *ours;
  const std::string path = fmt::format("{}/extra-ca-{}.pem", folder, sha256_hex(text));
  if (const Status made = posix_env().write_atomic(path, text); !made) {
    log::warn("Bun will not trust the session's CA: {}", made.error().message);
    return;
  }
  real::setenv(kVariable, path.c_str(), 1);
}

}  // namespace

void prepare_trust() {
  const auto& config = runtime()->config;
  if (config.mode == control::Mode::kLive || !config.errors.empty()) return;
  trust = new Trust;
  trust->ca_path = config.session_dir + "/ca.pem";
  expect(trust->ca_path);
  for (const auto* path : control::kSystemBundles) expect(path);
  for (const auto path : kKeyStores) expect(path);
  for (const auto* name : kBundleVariables) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0' || trust->ca_path == value) continue;
    trust->user_bundles.emplace_back(value);
    expect(value);
  }
  const char* folders = std::getenv(control::kCaFoldersVariable);
  trust->user_folders = control::ca_folders(folders == nullptr ? "" : folders);
  if (!trust->user_folders.empty()) last_letters.fill(true);
  if (is_node()) {
    for (const char* name : {"NODE_EXTRA_CA_CERTS", "DENO_CERT"}) {
      const char* users = std::getenv(name);
      const bool none = users == nullptr || *users == '\0';
      if (none) real::setenv(name, trust->ca_path.c_str(), 1);
    }
    const char* extra = std::getenv("NODE_EXTRA_CA_CERTS");
    if (extra != nullptr && trust->ca_path != extra) trust->nodes_extra = extra;
  }
  if (is_bun()) name_bundle_for_bun();
  wanted.store(true, std::memory_order_release);
}

bool may_be_trusted_file(const char* path) {
  if (!wanted.load(std::memory_order_acquire)) return false;
  const size_t length = strnlen(path, kMaxPath);
  return length > 0 && length < kMaxPath &&
         last_letters[static_cast<unsigned char>(path[length - 1])];
}

TrustedFile trusted_file(const char* path) {
  const std::string_view name(path);
  if (name == trust->ca_path) return TrustedFile::kOurs;
  for (const auto store : kKeyStores) {
    if (name.ends_with(store)) return TrustedFile::kKeyStore;
  }
  if (name.ends_with(kPackagedBundle)) return TrustedFile::kPem;
  for (const std::string_view bundle : control::kSystemBundles) {
    if (name == bundle) return TrustedFile::kPem;
  }
  for (const auto& bundle : trust->user_bundles) {
    if (name == bundle) return TrustedFile::kPem;
  }
  return is_in_user_folder(name) ? TrustedFile::kPem : TrustedFile::kOther;
}

const char* session_ca_path() {
  return wanted.load(std::memory_order_acquire) ? trust->ca_path.c_str() : nullptr;
}

bool session_ca_exists() {
  if (ca_made.load()) return true;
  const bool exists =
      sys::call(SYS_faccessat, AT_FDCWD, sys::arg(trust->ca_path.c_str()), R_OK) == 0;
  if (exists) ca_made.store(true);
  return exists;
}

bool have_session_ca() {
  if (session_ca_exists()) return true;
  Status made = prepare_session_dir();
  if (made) made = run_helper({"gateway", "--prepare"}, kPrepareTimeout_ms);
  if (made && session_ca_exists()) return true;
  if (!failure_told.exchange(true)) {
    log::tell_user(fmt::format(
        "{} can't be made to trust the session's certificates, so its TLS may fail: {}",
        runtime()->program, made ? trust->ca_path + " was not made" : made.error().message));
  }
  return false;
}

int open_trusted(const char* path, TrustedFile kind) {
  return kind == TrustedFile::kKeyStore ? open_key_store(path) : open_bundle(path);
}

}  // namespace recshim::runtime
