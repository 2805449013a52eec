// Reads ELF headers with every offset checked: the file may be anything.
#include "tools/recshim/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

namespace recshim::tools {
namespace {

using Ehdr = ElfW(Ehdr);
using Phdr = ElfW(Phdr);
using Dyn = ElfW(Dyn);

constexpr int kScriptDepth = 4;
constexpr size_t kMaxHeaders = 1024;
constexpr size_t kMaxTextBytes = 4096;
#if defined(__LP64__)
constexpr unsigned char kOwnClass = ELFCLASS64;
#else
constexpr unsigned char kOwnClass = ELFCLASS32;
#endif

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool ok() const { return fd_ >= 0; }
  // Up to n bytes at offset.
  [[nodiscard]] std::string read(uint64_t offset, size_t n) const {
    std::string bytes(n, '\0');
    const ssize_t got = pread(fd_, bytes.data(), n, static_cast<off_t>(offset));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  template <typename T>
  [[nodiscard]] std::optional<T> value(uint64_t offset) const {
    const std::string bytes = read(offset, sizeof(T));
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // A string that ends with NUL.
  [[nodiscard]] std::string text(uint64_t offset) const {
    const std::string bytes = read(offset, kMaxTextBytes);
    const size_t end = bytes.find('\0');
    return end == std::string::npos ? "" : bytes.substr(0, end);
  }

 private:
  int fd_;
};

// e_machine of this tool itself.
uint16_t own_machine() {
  const File self("/proc/self/exe");
  const auto header = self.ok() ? self.value<Ehdr>(0) : std::nullopt;
  return header ? header->e_machine : uint16_t{EM_NONE};
}

std::vector<std::string> read_needed(const File& file, const std::vector<Phdr>& segments,
                                     const Phdr& dynamic) {
  std::vector<uint64_t> names;
  std::optional<uint64_t> strings_address;
  const size_t count = dynamic.p_filesz / sizeof(Dyn);
  for (size_t i = 0; i < count && i < kMaxHeaders; ++i) {
    const auto entry = file.value<Dyn>(dynamic.p_offset + i * sizeof(Dyn));
    if (!entry || entry->d_tag == DT_NULL) break;
    if (entry->d_tag == DT_NEEDED) names.push_back(entry->d_un.d_val);
    if (entry->d_tag == DT_STRTAB) strings_address = entry->d_un.d_ptr;
  }
  std::vector<std::string> needed;
  if (!strings_address) return needed;
  for (const Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || *strings_address < segment.p_vaddr ||
        *strings_address - segment.p_vaddr >= segment.p_filesz) {
      continue;
    }
    const uint64_t strings = segment.p_offset + (*strings_address - segment.p_vaddr);
    for (const uint64_t name : names) {
      if (std::string text = file.text(strings + name); !text.empty()) needed.push_back(text);
    }
    break;
  }
  return needed;
}

void read_elf(const File& file, Program& program) {
  const std::string ident = file.read(0, EI_NIDENT);
  if (ident.size() < EI_NIDENT || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) return;
  program.is_elf = true;
  const auto header = file.value<Ehdr>(0);
  if (static_cast<unsigned char>(ident[EI_CLASS]) != kOwnClass || !header ||
      header->e_machine != own_machine()) {
    program.is_foreign = true;
    return;
  }
  std::vector<Phdr> segments;
  for (size_t i = 0; i < header->e_phnum && i < kMaxHeaders; ++i) {
    const auto segment = file.value<Phdr>(header->e_phoff + i * header->e_phentsize);
    if (!segment) return;
    segments.push_back(*segment);
  }
  for (const Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) {
      program.is_dynamic = true;
      program.loader = file.text(segment.p_offset);
    } else if (segment.p_type == PT_DYNAMIC) {
      program.needed = read_needed(file, segments, segment);
    }
  }
}

bool is_privileged(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return false;
  if ((info.st_mode & S_ISUID) != 0 && info.st_uid != geteuid()) return true;
  if ((info.st_mode & S_ISGID) != 0 && info.st_gid != getegid()) return true;
  return geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) >= 0;
}

bool is_executable_file(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && access(path.c_str(), X_OK) == 0;
}

Result<std::string> find_program(const std::string& command, const std::string& path_variable) {
  if (command.find('/') != std::string::npos) {
    if (access(command.c_str(), F_OK) != 0) {
      return Error{ErrorCode::kNotFound, fmt::format("{}: {}", command, std::strerror(errno))};
    }
    return command;
  }
  std::istringstream folders(path_variable);
  for (std::string folder; std::getline(folders, folder, ':');) {
    // An empty entry is the working directory.
    const std::string path = folder.empty() ? "./" + command : folder + "/" + command;
    if (is_executable_file(path)) return path;
  }
  return Error{ErrorCode::kNotFound, fmt::format("{}: command not found", command)};
}

// The command that a `#!` line names: env's first argument that is a command, else the
// interpreter. "" when the line names none.
std::string interpreter_of(const std::string& line) {
  std::istringstream words(line.substr(2));
  std::string interpreter;
  words >> interpreter;
  if (!interpreter.ends_with("/env")) return interpreter;
  for (std::string word; words >> word;) {
    if (word.front() != '-' && word.find('=') == std::string::npos) return word;
  }
  return interpreter;
}

}  // namespace

Result<Program> inspect_program(const std::string& command, const std::string& path_variable) {
  Program program;
  std::string next = command;
  for (int depth = 0; depth <= kScriptDepth; ++depth) {
    Result<std::string> path = find_program(next, path_variable);
    if (!path) return path.error();
    program = {};
    program.path = *path;
    const File file(program.path);
    // Executable and not readable: nothing can be said about it.
    if (!file.ok()) return program;
    const std::string start = file.read(0, 256);
    if (!start.starts_with("#!")) {
      read_elf(file, program);
      program.is_privileged = is_privileged(program.path);
      return program;
    }
    next = interpreter_of(start.substr(0, start.find('\n')));
    if (next.empty()) return program;
  }
  return program;
}

std::string why_unreachable(const Program& program) {
  if (!program.is_elf) return "";
  if (program.is_foreign) return "it is for another machine than librecshim.so";
  if (!program.is_dynamic) return "it is statically linked";
  if (program.loader.find("ld-musl") != std::string::npos) {
    return "it is linked to musl, and librecshim.so needs glibc";
  }
  if (program.is_privileged) {
    return "it is set-uid, set-gid or has file capabilities, and the loader ignores LD_PRELOAD";
  }
  return "";
}

bool is_sanitizer_runtime(const std::string& file_name) {
  static constexpr std::array kNames = {
      "libasan.so",       "libtsan.so",       "liblsan.so",       "libhwasan.so",
      "libclang_rt.asan", "libclang_rt.tsan", "libclang_rt.lsan", "libclang_rt.hwasan",
  };
  const std::string name = file_name.substr(file_name.rfind('/') + 1);
  for (const char* known : kNames) {
    if (name.starts_with(known)) return true;
  }
  return false;
}

std::string sanitizer_runtime(const Program& program) {
  for (const std::string& name : program.needed) {
    if (is_sanitizer_runtime(name)) return name;
  }
  return "";
}

}  // namespace recshim::tools
