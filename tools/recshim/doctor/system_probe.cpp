// The checks, one function each.
#include "tools/recshim/doctor/system_probe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shim/control/names.h"
#include "shim/control/session.h"
#include "tools/recshim/elf_image.h"
#include "tools/recshim/preload.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;
using State = Check::State;

constexpr int kTimeoutMs = 10'000;
constexpr rlim_t kEnoughFiles = 256;
constexpr rlim_t kEnoughAddressSpace = 512ULL << 20;
const std::set<Door> kAll = {kInProcess, kGateway, kSupervisor};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// library: set to its path when it was found.
Check check_library(const std::string& variable, const std::string& own_folder,
                    std::string& library) {
  Check check{"librecshim.so", State::kMissing, "", "", {kInProcess}};
  const Result<std::string> found = find_library(variable, own_folder);
  if (!found) {
    check.detail = found.error().message;
    check.advice = "build it with scripts/setup.sh";
    return check;
  }
  library = *found;
  const ElfImage image = read_elf_image(library);
  if (!image.is_elf || image.is_foreign) {
    check.detail = image.is_foreign
                       ? fmt::format("{} is for another machine ({})", library, image.machine)
                       : fmt::format("{} is no library, or can't be read", library);
    check.advice = "build it on this machine with scripts/setup.sh";
    return check;
  }
  // The loader says so on stderr, and goes on, when it can't load it.
  const ProbeRun run =
      run_probe({"/proc/self/exe", "--version"},
                {{"LD_PRELOAD", library}, {control::kModeVariable, "live"}}, kTimeoutMs);
  if (run.exit_code != 0 || run.output.find("cannot be preloaded") != std::string::npos) {
    check.detail = fmt::format("{} can't be preloaded: {}", library, first_line(run.output));
    check.advice = "build it for this system's glibc with scripts/setup.sh";
    return check;
  }
  check.state = State::kOk;
  check.detail = library;
  return check;
}

// Where the library looks for the program that it starts as the gateway.
std::string find_gateway(const std::string& library, const std::string& own_folder) {
  if (const std::string named = environment(control::kGatewayVariable); !named.empty())
    return named;
  const fs::path folder = library.empty() ? fs::path(own_folder) : fs::path(library).parent_path();
  for (const char* place : {"recshim", "../bin/recshim", "../../bin/recshim"}) {
    const std::string path = (folder / place).lexically_normal().string();
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

// A folder of our own below the temporary one, removed at the end.
class Scratch {
 public:
  Scratch() {
    std::error_code problem;
    std::string shape = (fs::temp_directory_path(problem) / "recshim-doctor-XXXXXX").string();
    if (mkdtemp(shape.data()) != nullptr) path_ = shape;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Check check_gateway(const std::string& library, const std::string& own_folder) {
  Check check{"gateway", State::kMissing, "", "", {kGateway, kSupervisor}};
  const std::string path = find_gateway(library, own_folder);
  if (path.empty() || access(path.c_str(), X_OK) != 0) {
    check.detail = path.empty() ? "the program recshim is not beside the library"
                                : fmt::format("{}: {}", path, std::strerror(errno));
    check.advice = fmt::format("set {} to the path of recshim", control::kGatewayVariable);
    return check;
  }
  const Scratch scratch;
  const ProbeRun run = run_probe({path, "gateway", "--prepare"},
                                 {{"XDG_RUNTIME_DIR", scratch.path()},
                                  {control::kSessionVariable, "doctor"},
                                  {control::kConfigVariable, control::kNoConfigFile},
                                  {"LD_PRELOAD", ""}},
                                 kTimeoutMs);
  if (run.exit_code != 0) {
    check.detail =
        fmt::format("{} gateway can't prepare a session: {}", path, first_line(run.output));
    check.advice = "build all of recshim with scripts/setup.sh";
    return check;
  }
  check.state = State::kOk;
  check.detail = path;
  return check;
}

// Runs a program of its own under the supervisor; the parts it needs have checks of their own,
// which say more.
Check check_supervisor(const std::string& own_folder) {
  Check check{"supervisor", State::kMissing, "", "", {kSupervisor}};
  const Scratch scratch;
  const ProbeRun run = run_probe({own_folder + "/recshim", "run", "--quiet", "--mode", "replay",
                                  "--supervise=always", "--", "true"},
                                 {{"XDG_RUNTIME_DIR", scratch.path()},
                                  {control::kConfigVariable, control::kNoConfigFile},
                                  {control::kSessionVariable, ""},
                                  {control::kSupervisorVariable, ""},
                                  {"LD_PRELOAD", ""}},
                                 kTimeoutMs);
  if (run.exit_code != 0) {
    check.detail = fmt::format("a program can't be run under it: {}", first_line(run.output));
    check.advice = "see the checks below; static programs and Go are not served until then";
    return check;
  }
  check.state = State::kOk;
  check.detail = "recshim run can supervise programs";
  return check;
}

Check check_runtime_dir(const control::Config& config) {
  const std::string root = fs::path(config.session_dir).parent_path();
  Check check{"runtime folder", State::kOk, root, "", kAll};
  std::error_code ignored;
  const bool existed = fs::exists(root, ignored);
  const std::string session = root + "/doctor-" + control::fresh_session_id();
  const Status made = control::make_session_dir(session);
  if (!made) {
    check.state = State::kMissing;
    check.detail = made.error().message;
    check.advice = "set XDG_RUNTIME_DIR to a folder that is yours alone";
    return check;
  }
  // The gateway's socket lies in a session's folder.
  sockaddr_un address{};
  const std::string socket_path = session + "/supervisor";
  const bool fits =
      std::max(socket_path.size(), config.session_dir.size() + 11) < sizeof address.sun_path;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  address.sun_family = AF_UNIX;
  if (fits) std::memcpy(address.sun_path, socket_path.c_str(), socket_path.size() + 1);
  if (!fits) {
    check.state = State::kMissing;
    check.detail = fmt::format("{} is too long for the path of a socket", root);
    check.advice = "set XDG_RUNTIME_DIR to a shorter path";
  } else if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    check.state = State::kMissing;
    check.detail = fmt::format("no socket can be made in {}: {}", root, std::strerror(errno));
    check.advice = "set XDG_RUNTIME_DIR to a folder on a local file system";
  }
  if (fd >= 0) close(fd);
  fs::remove_all(session, ignored);
  if (!existed) fs::remove(root, ignored);
  return check;
}

Check check_settings(const control::Config& config) {
  Check check{"settings", State::kOk, "", "", kAll};
  if (!config.errors.empty()) {
    check.state = State::kMissing;
    for (const std::string& error : config.errors) {
      check.detail += (check.detail.empty() ? "" : "; ") + error;
    }
    check.advice = "correct the variable or recshim.json; until then requests are refused";
    return check;
  }
  check.detail = fmt::format("{}{}", mode_name(config.mode),
                             config.config_path.empty() ? "" : ", " + config.config_path);
  std::error_code ignored;
  if (config.mode == control::Mode::kReplay && !fs::exists(config.dir, ignored)) {
    check.state = State::kNote;
    check.detail += fmt::format("; there is no folder {}", config.dir);
    check.advice = "record first: recshim run --mode record -- CMD";
  } else {
    check.detail += fmt::format(", recordings in {}", config.dir);
  }
  return check;
}

Check check_loopback() {
  Check check{"loopback", State::kOk, "lo is up", "", kAll};
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  const bool up =
      fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
  if (fd >= 0) close(fd);
  if (!up) {
    check.state = State::kNote;
    check.detail = "lo is down: unix sockets take the place of loopback connections";
    check.advice = "programs that inspect their sockets closely may want it: ip link set lo up";
  }
  return check;
}

Check check_user_namespaces() {
  Check check{"user namespaces", State::kOk, "available", "", {}};
  const pid_t child = fork();
  if (child == 0) _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
  int status = 1;
  if (child > 0) waitpid(child, &status, 0);
  if (status != 0) {
    check.state = State::kNote;
    check.detail = "not available to this user";
    check.advice = "only `unshare -rn CMD`, which proves a replay to be offline, needs them";
  }
  return check;
}

Check check_limits() {
  Check check{"limits", State::kOk, "", "", kAll};
  rlimit files{};
  rlimit memory{};
  rlimit size{};
  getrlimit(RLIMIT_NOFILE, &files);
  getrlimit(RLIMIT_AS, &memory);
  getrlimit(RLIMIT_FSIZE, &size);
  check.detail = files.rlim_cur == RLIM_INFINITY ? "any number of open files"
                                                 : fmt::format("{} open files", files.rlim_cur);
  if (files.rlim_cur < kEnoughFiles) {
    check.state = State::kNote;
    check.advice = "every connection takes two descriptors: raise it with ulimit -n";
  }
  if (memory.rlim_cur < kEnoughAddressSpace) {
    check.state = State::kNote;
    check.detail += fmt::format(", {} MB of address space", memory.rlim_cur >> 20);
    check.advice = "raise it with ulimit -v";
  }
  if (size.rlim_cur != RLIM_INFINITY) {
    check.state = State::kNote;
    check.detail += fmt::format(", files of up to {} bytes", size.rlim_cur);
    check.advice = "longer recordings will be lost: ulimit -f unlimited";
  }
  return check;
}

Check check_container() {
  Check check{"container", State::kOk, "none", "", {}};
  std::string kind = environment("container");
  if (access("/.dockerenv", F_OK) == 0) kind = "docker";
  if (access("/run/.containerenv", F_OK) == 0) kind = "podman";
  if (!kind.empty()) check.detail = kind;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Seccomp:") && line.find_first_of("12") != std::string::npos) {
      check.detail += ", with a seccomp profile of its own";
    }
  }
  return check;
}

Check check_memory_files() {
  Check check{"memory files", State::kOk, "memfd_create(2) works", "", {kGateway}};
  const int fd = memfd_create("recshim-doctor", MFD_CLOEXEC);
  if (fd < 0) {
    check.state = State::kMissing;
    check.detail = fmt::format("memfd_create(2): {}", std::strerror(errno));
    check.advice = "CA bundles can't be answered with the session's CA: allow memfd_create(2)";
  } else {
    close(fd);
  }
  if (access("/proc/self/exe", F_OK) != 0) {
    check.state = State::kMissing;
    check.detail = "/proc is not mounted";
    check.advice = "mount it: mount -t proc proc /proc";
  }
  return check;
}

}  // namespace

const char* state_name(Check::State state) {
  switch (state) {
    case State::kOk:
      return "ok";
    case State::kNote:
      return "note";
    case State::kMissing:
      return "missing";
  }
  return "";
}

std::vector<Check> probe_system(const control::Config& config, const std::string& library_variable,
                                const std::string& own_folder) {
  std::string library;
  std::vector<Check> checks = {check_library(library_variable, own_folder, library)};
  checks.push_back(check_gateway(library, own_folder));
  checks.push_back(check_supervisor(own_folder));
  for (Check& check : probe_supervision()) checks.push_back(std::move(check));
  checks.push_back(check_runtime_dir(config));
  checks.push_back(check_settings(config));
  checks.push_back(check_memory_files());
  checks.push_back(check_loopback());
  checks.push_back(check_limits());
  checks.push_back(check_user_namespaces());
  checks.push_back(check_container());
  return checks;
}

}  // namespace recshim::tools
