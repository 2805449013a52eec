// See unreached.h.
#include "shim/ops/unreached.h"

#include <elf.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/names.h"
#include "shim/control/supervision.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/helper_program.h"
#include "shim/runtime/runtime.h"

namespace recshim::ops {
namespace {

constexpr int kMaxInterpreters = 4;  // as in the kernel: execve(2)
constexpr size_t kMaxHeaders = 64;
constexpr size_t kMaxNotes_bytes = 4096;
// Source: cmd/link in Go, the note that holds the build id.
constexpr uint32_t kGoBuildId = 4;

const std::string* wrapper = nullptr;              // never destroyed
const std::string* library_name = nullptr;         // of this library's file; never destroyed
const control::SupervisionProbe* probe = nullptr;  // where there is a supervisor; never destroyed
bool tells_of_losses = false;                      // preloaded by LD_PRELOAD, and not in mode live
std::atomic<bool> told{false};
constexpr std::string_view kPreload = "LD_PRELOAD=";

// The value of a variable in envp, or null. name_equals: with its "=".
const char* value_in(char* const* envp, std::string_view name_equals) {
  for (; envp != nullptr && *envp != nullptr; ++envp) {
    if (std::string_view(*envp).starts_with(name_equals)) return *envp + name_equals.size();
  }
  return nullptr;
}

bool has_go_build_id(int fd, const Elf64_Phdr& notes) {
  alignas(Elf64_Nhdr) char buffer[kMaxNotes_bytes];
  const ssize_t size = sys::pread(fd, buffer, std::min<size_t>(notes.p_filesz, sizeof buffer),
                                  static_cast<off_t>(notes.p_offset));
  const auto padded = [](size_t n) { return (n + 3) & ~size_t{3}; };
  for (size_t at = 0; at + sizeof(Elf64_Nhdr) <= static_cast<size_t>(std::max<ssize_t>(size, 0));) {
    Elf64_Nhdr note;
    std::memcpy(&note, buffer + at, sizeof note);
    at += sizeof note;
    if (note.n_type == kGoBuildId && note.n_namesz == 4 && at + 4 <= static_cast<size_t>(size) &&
        std::memcmp(buffer + at, "Go\0", 4) == 0) {
      return true;
    }
    at += padded(note.n_namesz) + padded(note.n_descsz);
  }
  return false;
}

// What LD_PRELOAD with this library does in a program.
enum class Effect {
  kReaches,
  kIsIgnored,  // it has no loader, or it is Go's and calls the kernel itself
  kBreaks      // musl's loader tries, and can't load a library made for glibc
};

// An ELF program of this machine. path: for its name.
Effect effect_on_elf(int fd, const Elf64_Ehdr& header, std::string_view path) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return Effect::kReaches;  // nor does the supervisor
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return Effect::kReaches;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  bool has_glibc_loader = name.starts_with("ld-linux") || name.starts_with("ld.so");
  bool has_musl_loader = name.starts_with("ld-musl");
  bool is_go = false;
  Elf64_Phdr headers[kMaxHeaders];
  const size_t wanted = std::min<size_t>(header.e_phnum, kMaxHeaders) * sizeof(Elf64_Phdr);
  const ssize_t got = sys::pread(fd, headers, wanted, static_cast<off_t>(header.e_phoff));
  for (size_t i = 0; static_cast<ssize_t>((i + 1) * sizeof(Elf64_Phdr)) <= got; ++i) {
    if (headers[i].p_type == PT_NOTE) is_go = is_go || has_go_build_id(fd, headers[i]);
    if (headers[i].p_type != PT_INTERP) continue;
    char loader[256];
    const ssize_t n = sys::pread(fd, loader, std::min<size_t>(headers[i].p_filesz, sizeof loader),
                                 static_cast<off_t>(headers[i].p_offset));
    has_musl_loader = n > 0 && std::string_view(loader, static_cast<size_t>(n)).find("ld-musl") !=
                                   std::string_view::npos;
    has_glibc_loader = n > 0 && !has_musl_loader;
  }
  if (has_musl_loader) return Effect::kBreaks;
  return is_go || !has_glibc_loader ? Effect::kIsIgnored : Effect::kReaches;
}

// The interpreter that a "#!" line names, put into out. Source: execve(2).
bool interpreter_of(std::string_view first_bytes, char* out, size_t size) {
  std::string_view line = first_bytes.substr(2);
  line = line.substr(0, line.find('\n'));
  const size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos) return false;
  line.remove_prefix(start);
  line = line.substr(0, line.find_first_of(" \t"));
  if (line.empty() || line.size() >= size) return false;
  std::memcpy(out, line.data(), line.size());
  out[line.size()] = '\0';
  return true;
}

// path: ends with a null.
Effect effect_on(std::string_view path) {
  char name[256];
  int fd = sys::open(path.data(), O_RDONLY | O_NONBLOCK);
  for (int depth = 0; fd >= 0; ++depth) {
    alignas(Elf64_Ehdr) char first[256];
    const ssize_t n = sys::pread(fd, first, sizeof first, 0);
    const std::string_view bytes(first, n > 0 ? static_cast<size_t>(n) : 0);
    if (bytes.starts_with("#!")) {
      sys::close(fd);
      if (depth == kMaxInterpreters || !interpreter_of(bytes, name, sizeof name)) {
        return Effect::kReaches;
      }
      path = name;
      fd = sys::open(name, O_RDONLY | O_NONBLOCK);
      continue;
    }
    Elf64_Ehdr header;
    Effect effect = Effect::kReaches;
    if (bytes.size() >= sizeof header && bytes.starts_with(ELFMAG)) {
      std::memcpy(&header, first, sizeof header);
      effect = effect_on_elf(fd, header, path);
    }
    sys::close(fd);
    return effect;
  }
  return Effect::kReaches;
}

bool is_executable(const char* path) {
  struct stat info {};
  return sys::call(SYS_newfstatat, AT_FDCWD, sys::arg(path), sys::arg(&info), 0) == 0 &&
         S_ISREG(info.st_mode) && sys::call(SYS_faccessat, AT_FDCWD, sys::arg(path), X_OK) == 0;
}

// Puts the program that `file` means into out, as execvp(3) finds it.
bool find_program(const char* file, bool search, char (&out)[PATH_MAX]) {
  const std::string_view name(file);
  if (name.empty() || name.size() >= sizeof out) return false;
  if (!search || name.find('/') != std::string_view::npos) {
    std::memcpy(out, file, name.size() + 1);
    return is_executable(out);
  }
  const char* path = std::getenv("PATH");
  std::string_view places = path != nullptr ? path : "/bin:/usr/bin";
  for (;;) {
    const size_t end = std::min(places.find(':'), places.size());
    std::string_view folder = places.substr(0, end);
    if (folder.empty()) folder = ".";
    if (folder.size() + 1 + name.size() < sizeof out) {
      std::memcpy(out, folder.data(), folder.size());
      out[folder.size()] = '/';
      std::memcpy(out + folder.size() + 1, file, name.size() + 1);
      if (is_executable(out)) return true;
    }
    if (end == places.size()) return false;
    places.remove_prefix(end + 1);
  }
}

// True for the first who asks in this session; in this process where it has no folder.
bool first_in_session() {
  if (told.exchange(true)) return false;
  char path[PATH_MAX];
  const auto end = fmt::format_to_n(path, sizeof path - 1, "{}/told-of-lost-preload",
                                    runtime::runtime()->config.session_dir);
  *end.out = '\0';
  const int fd = sys::open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd >= 0) sys::close(fd);
  return fd != -EEXIST;
}

// what: follows the program's path.
void tell_of_loss(const char* path, std::string_view what) {
  // In a sealed run and under --supervise=always the supervisor sees them.
  if (told.load() || (probe != nullptr && probe->is_supervised()) || !first_in_session()) return;
  char text[400];
  const auto end =
      fmt::format_to_n(text, sizeof text, "{} {}, so recshim does not see its connections",
                       std::string_view(path).substr(0, 256), what);
  log::tell_user({text, std::min(end.size, sizeof text)});
}

bool names_library(const char* preload) {
  return preload != nullptr && std::strstr(preload, library_name->c_str()) != nullptr;
}

void look_at(const char* path, char* const* envp, Execution* out) {
  const bool supervisor = wrapper != nullptr && value_in(envp, "RECSHIM_SUPERVISOR=") != nullptr;
  const bool preloads = names_library(value_in(envp, kPreload));
  const Effect effect = supervisor || preloads ? effect_on(path) : Effect::kReaches;
  out->supervised = supervisor && effect != Effect::kReaches;
  out->without_library = preloads && effect == Effect::kBreaks;
  if (!tells_of_losses || out->supervised) return;
  if (!preloads) tell_of_loss(path, "is executed without LD_PRELOAD");
  if (out->without_library) tell_of_loss(path, "is linked to musl, which can't load librecshim.so");
}

}  // namespace

void prepare_supervision() {
  const auto* self = runtime::runtime();
  if (self == nullptr) return;
  const runtime::OwnWork work;
  const std::string& library = self->library_path;
  const auto* name = new std::string(library.substr(library.rfind('/') + 1));
  if (self->config.mode == control::Mode::kLive) {
    library_name = name;
    return;
  }
  const char* supervisor = std::getenv(control::kSupervisorVariable);
  if (supervisor != nullptr && *supervisor != '\0') {
    const std::string_view socket = supervisor;
    probe = new control::SupervisionProbe(std::string(socket.substr(0, socket.rfind('/'))));
    auto path = runtime::helper_path();
    struct stat own {};
    struct stat helper {};
    if (!path) {
      log::warn("programs that the library can't reach are not supervised: {}",
                path.error().message);
    } else if (stat("/proc/self/exe", &own) != 0 || stat(path->c_str(), &helper) != 0 ||
               own.st_dev != helper.st_dev || own.st_ino != helper.st_ino) {
      wrapper = new std::string(std::move(*path));
    }
  }
  library_name = name;
  tells_of_losses = names_library(std::getenv("LD_PRELOAD"));
}

void look_at_execution(const char* file, bool search, char* const* envp, Execution* out) {
  if (library_name == nullptr || file == nullptr) return;
  if (!find_program(file, search, out->path)) return;
  look_at(out->path, envp, out);
}

void look_at_execution(int fd, char* const* envp, Execution* out) {
  if (library_name == nullptr) return;
  char link[32];
  const auto end = fmt::format_to_n(link, sizeof link - 1, "/proc/self/fd/{}", fd);
  *end.out = '\0';
  // Under its own name where it has one: the descriptor may close before the wrapper's turn.
  const long n = sys::call(SYS_readlinkat, AT_FDCWD, sys::arg(link), sys::arg(&out->path[0]),
                           sizeof out->path - 1);
  if (n <= 0) return;
  out->path[n] = '\0';
  if (!is_executable(out->path)) return;
  look_at(out->path, envp, out);
}

size_t rest_of_preload_size(const Execution& execution, char* const* envp) {
  const char* preload = execution.without_library ? value_in(envp, kPreload) : nullptr;
  return preload != nullptr ? kPreload.size() + std::strlen(preload) + 1 : 0;
}

void leave_library_out(char** envp, char* text) {
  char** entry = envp;
  while (*entry != nullptr && !std::string_view(*entry).starts_with(kPreload)) ++entry;
  if (*entry == nullptr) return;
  char* end = std::copy(kPreload.begin(), kPreload.end(), text);
  const char* const start = end;
  // The loader splits at spaces and colons alike.
  for (std::string_view rest = *entry + kPreload.size(); !rest.empty();) {
    const std::string_view file = rest.substr(0, rest.find_first_of(" :"));
    rest.remove_prefix(std::min(file.size() + 1, rest.size()));
    if (file.empty() || file.substr(file.rfind('/') + 1) == *library_name) continue;
    if (end != start) *end++ = ':';
    end = std::copy(file.begin(), file.end(), end);
  }
  *end = '\0';
  if (end != start) {
    *entry = text;
  } else {
    for (; *entry != nullptr; ++entry) entry[0] = entry[1];
  }
}

const char* supervising_program() {
  return wrapper->c_str();
}

size_t supervised_arguments_size(char* const* argv) {
  size_t count = 0;
  while (argv != nullptr && argv[count] != nullptr) ++count;
  return count + 7;
}

void supervised_arguments(const Execution& execution, char* const* argv, char** out) {
  static char kName[] = "recshim";
  static char kCommand[] = "supervised";
  static char kArgv0[] = "--argv0";
  static char kEnd[] = "--";
  char* path = const_cast<char*>(execution.path);
  const bool named = argv != nullptr && argv[0] != nullptr;
  for (char* argument : {kName, kCommand, kArgv0, named ? argv[0] : path, kEnd, path}) {
    *out++ = argument;
  }
  for (size_t i = 1; named && argv[i] != nullptr; ++i) *out++ = argv[i];
  *out = nullptr;
}

}  // namespace recshim::ops
