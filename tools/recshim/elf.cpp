// Follows a command to the program that is executed, and judges it.
#include "tools/recshim/elf.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <utility>

#include "tools/recshim/elf_image.h"

namespace recshim::tools {
namespace {

constexpr int kScriptDepth = 4;

class File {
 public:
  // A pipe is not waited for.
  explicit File(const std::string& path)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  [[nodiscard]] bool ok() const { return fd_ >= 0; }
  [[nodiscard]] int fd() const { return fd_; }
  // Up to the first n bytes.
  [[nodiscard]] std::string start(size_t n) const {
    std::string bytes(n, '\0');
    const ssize_t got = pread(fd_, bytes.data(), n, 0);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

 private:
  int fd_;
};

void read_elf(const File& file, Program& program) {
  ElfImage image = read_elf_image(file.fd());
  program.is_elf = image.is_elf;
  program.is_foreign = image.is_foreign;
  program.is_dynamic = !image.loader.empty();
  program.is_go = std::any_of(image.sections.begin(), image.sections.end(),
                              [](const ElfPart& part) { return part.name == ".go.buildinfo"; });
  program.loader = std::move(image.loader);
  program.needed = std::move(image.needed);
}

bool is_privileged(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return false;
  if ((info.st_mode & S_ISUID) != 0 && info.st_uid != geteuid()) return true;
  if ((info.st_mode & S_ISGID) != 0 && info.st_gid != getegid()) return true;
  return geteuid() != 0 && getxattr(path.c_str(), "security.capability", nullptr, 0) >= 0;
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

Program inspect_file(const std::string& path) {
  Program program;
  program.path = path;
  const File file(path);
  if (!file.ok()) return program;
  read_elf(file, program);
  program.is_privileged = is_privileged(path);
  return program;
}

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
    const std::string start = file.start(256);
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

bool is_loaded_by_musl(const Program& program) {
  const std::string& loader = program.is_dynamic ? program.loader : program.path;
  return program.is_elf && loader.substr(loader.rfind('/') + 1).starts_with("ld-musl");
}

std::string why_unreachable(const Program& program) {
  if (!program.is_elf) return "";
  if (program.is_foreign) return "it is for another machine than librecshim.so";
  if (is_loaded_by_musl(program)) return "it is linked to musl, and librecshim.so needs glibc";
  if (!program.is_dynamic) return "it is statically linked";
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
