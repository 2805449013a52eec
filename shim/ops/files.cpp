// Opening files: bundles of CAs for runtimes that bring their own TLS. See files.h.
#include "shim/ops/files.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "shim/base/sys.h"
#include "shim/ops/tls_resolve.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/trust.h"

namespace recshim::ops {

using runtime::TrustedFile;

namespace {

// Why an open goes to the file itself, for readers of this code.
enum class Bypass {
  kNone,
  kOtherFile,    // no bundle of CAs, or nothing is to be trusted here
  kForWriting,   // or for its name only
  kOwnWork,      // the library's
  kVforkChild,   // which must not change its parent
  kServedInside  // by libcrypto or libgnutls for itself: their TLS needs no CA of ours
};

// libcrypto, libssl or libgnutls as a library: TLS that the hooks reach. A sanitizer's runtime
// stands between them and us, so there it is enough that one of them is loaded.
bool is_hooked_tls(const void* caller) {
  const link_map* object = object_of(caller);
  if (object == nullptr) return false;
  const std::string_view path(object->l_name);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  if (name.starts_with("libasan") || name.starts_with("libtsan")) {
    return find_in_loaded("libcrypto", "BIO_new") != nullptr ||
           find_in_loaded("libgnutls", "gnutls_init") != nullptr;
  }
  return name.starts_with("libcrypto") || name.starts_with("libssl") ||
         name.starts_with("libgnutls");
}

Bypass why_not(const void* caller, TrustedFile kind) {
  if (kind == TrustedFile::kOther) return Bypass::kOtherFile;
  if (runtime::in_vfork_child()) return Bypass::kVforkChild;
  if (is_hooked_tls(caller) && !runtime::session_ca_exists()) return Bypass::kServedInside;
  return Bypass::kNone;
}

// What the program gets instead of path, or -1: path itself. Its descriptor is close-on-exec.
int instead_of(const void* caller, const char* path) {
  if (path == nullptr || !runtime::may_be_trusted_file(path)) return -1;
  if (runtime::in_own_work()) return -1;  // kOwnWork
  const runtime::OwnWork work;
  const TrustedFile kind = runtime::trusted_file(path);
  if (why_not(caller, kind) != Bypass::kNone || !runtime::have_session_ca()) return -1;
  return kind == TrustedFile::kOurs ? -1 : runtime::open_trusted(path, kind);
}

// As the program asked.
int with_flags(int fd, int flags) {
  if ((flags & O_CLOEXEC) == 0) sys::call(SYS_fcntl, fd, F_SETFD, 0);
  if ((flags & O_NONBLOCK) != 0) {
    sys::call(SYS_fcntl, fd, F_SETFL, sys::call(SYS_fcntl, fd, F_GETFL) | O_NONBLOCK);
  }
  return fd;
}

bool for_reading(int flags) {
  return (flags & O_ACCMODE) == O_RDONLY &&
         (flags & (O_CREAT | O_TRUNC | O_DIRECTORY | O_PATH | O_APPEND)) == 0;
}

// open(2) has a mode only with these; else what stands in its place means nothing.
mode_t mode_of(int flags, mode_t mode) {
  return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0;
}

template <typename RealOpen>
int open_through(const void* caller, const char* path, int flags, const RealOpen& original) {
  if (for_reading(flags)) {
    const int fd = instead_of(caller, path);
    if (fd >= 0) return with_flags(fd, flags);
  }
  return original();
}

// A path under a folder's descriptor may be any file.
template <typename RealOpen>
int open_at(const void* caller, int folder, const char* path, int flags, const RealOpen& original) {
  if (path == nullptr || (folder != AT_FDCWD && path[0] != '/')) return original();
  return open_through(caller, path, flags, original);
}

template <typename RealOpen>
FILE* open_stream(const void* caller, const char* path, const char* mode,
                  const RealOpen& original) {
  const bool reads = mode != nullptr && mode[0] == 'r' && std::strchr(mode, '+') == nullptr;
  const int fd = reads ? instead_of(caller, path) : -1;
  if (fd < 0) return original();
  FILE* stream = real::fdopen(fd, mode);
  if (stream == nullptr) {
    const int error = errno;
    sys::close(fd);
    errno = error;
    return nullptr;
  }
  // Where the mode ends, and a comma may begin a character set.
  const char* close_on_exec = std::strchr(mode, 'e');
  const char* comma = std::strchr(mode, ',');
  const bool wanted = close_on_exec != nullptr && (comma == nullptr || close_on_exec < comma);
  with_flags(fd, wanted ? O_CLOEXEC : 0);
  return stream;
}

}  // namespace

int open(const void* caller, const char* path, int flags, mode_t mode) {
  return open_through(caller, path, flags,
                      [&] { return real::open(path, flags, mode_of(flags, mode)); });
}

int open64(const void* caller, const char* path, int flags, mode_t mode) {
  return open_through(caller, path, flags,
                      [&] { return real::open64(path, flags, mode_of(flags, mode)); });
}

int openat(const void* caller, int folder, const char* path, int flags, mode_t mode) {
  return open_at(caller, folder, path, flags,
                 [&] { return real::openat(folder, path, flags, mode_of(flags, mode)); });
}

int openat64(const void* caller, int folder, const char* path, int flags, mode_t mode) {
  return open_at(caller, folder, path, flags,
                 [&] { return real::openat64(folder, path, flags, mode_of(flags, mode)); });
}

int __open_2(const void* caller, const char* path, int flags) {
  return open_through(caller, path, flags, [&] { return real::__open_2(path, flags); });
}

int __open64_2(const void* caller, const char* path, int flags) {
  return open_through(caller, path, flags, [&] { return real::__open64_2(path, flags); });
}

int __openat_2(const void* caller, int folder, const char* path, int flags) {
  return open_at(caller, folder, path, flags,
                 [&] { return real::__openat_2(folder, path, flags); });
}

int __openat64_2(const void* caller, int folder, const char* path, int flags) {
  return open_at(caller, folder, path, flags,
                 [&] { return real::__openat64_2(folder, path, flags); });
}

FILE* fopen(const void* caller, const char* path, const char* mode) {
  return open_stream(caller, path, mode, [&] { return real::fopen(path, mode); });
}

FILE* fopen64(const void* caller, const char* path, const char* mode) {
  return open_stream(caller, path, mode, [&] { return real::fopen64(path, mode); });
}

}  // namespace recshim::ops
