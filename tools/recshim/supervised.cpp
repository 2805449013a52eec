// `recshim supervised`: puts itself under the session's supervisor and becomes the program.
// For `recshim run` and the library, not for people.
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "shim/control/names.h"
#include "tools/gateway/authority.h"
#include "tools/recshim/command.h"
#include "tools/recshim/elf.h"
#include "tools/recshim/settings.h"
#include "tools/supervisor/trust.h"
#include "tools/supervisor/wrapper.h"

namespace recshim::tools {
namespace {

struct Options {
  std::string argv0;
  bool whole_tree = false;
};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// Go's own resolver asks nameservers, which the supervisor answers; libc's would not be.
void use_go_resolver() {
  const std::string settings = environment("GODEBUG");
  if (settings.find("netdns=") != std::string::npos) return;
  setenv("GODEBUG", (settings.empty() ? "netdns=go" : settings + ",netdns=go").c_str(), 1);
}

void set_trust(const control::Config& config) {
  if (const Status made = gateway::prepare_authority(config.session_dir); !made) {
    complain(fmt::format("the session's CA: {}", made.error().message));
    return;
  }
  const auto variables = supervisor::trust_variables(config.session_dir, [](const char* name) {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
  if (!variables) {
    complain(fmt::format("the session's CA: {}", variables.error().message));
    return;
  }
  for (const auto& [name, value] : *variables) setenv(name.c_str(), value.c_str(), 1);
}

// The supervisor's socket: in another mount namespace the way to it is the descriptor of its
// folder.
std::string reachable_socket(const std::string& socket) {
  const std::string folder = environment(control::kSessionFolderVariable);
  if (folder.empty() || access(socket.c_str(), F_OK) == 0 || errno != ENOENT) return socket;
  return "/proc/self/fd/" + folder + socket.substr(socket.rfind('/'));
}

// True when the program may start.
bool join(const Options& options, const control::Config& config) {
  supervisor::FilterOptions filter;
  filter.whole_tree = options.whole_tree;
  filter.forbid_io_uring = config.mode != control::Mode::kLive;
  // The run's folder of the session, which may not be this user's.
  const std::string socket = environment(control::kSupervisorVariable);
  const std::string session_dir = socket.substr(0, socket.rfind('/'));
  const std::string reached = reachable_socket(socket);
  const auto joined = supervisor::join_supervisor(reached, session_dir, filter);
  if (joined && *joined != supervisor::Joined::kForeign) return true;
  if (!joined && access(reached.c_str(), F_OK) != 0 && errno == EACCES) {
    complain("this program runs as another user than recshim, which does not see its connections");
    return true;
  }
  if (!joined && access(reached.c_str(), F_OK) != 0) {
    complain(
        "the recshim run that this program belongs to has ended: it is not started, for nobody "
        "would see its connections");
    return false;
  }
  complain(joined ? "this program already runs under another supervisor (a seccomp listener), and "
                    "the kernel allows one"
                  : joined.error().message);
  return false;
}

int execute(const Options& options, const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  if (!options.argv0.empty()) arguments[0] = const_cast<char*>(options.argv0.c_str());
  execvp(words[0].c_str(), arguments.data());
  const int problem = errno;
  complain(fmt::format("{}: {}", words[0], std::strerror(problem)));
  return problem == ENOENT ? kNotFound : kCannotExecute;
}

int supervised(const Options& options, const std::vector<std::string>& words) {
  if (words.empty()) {
    complain("supervised needs a command");
    return kUsage;
  }
  const control::Config config = load_settings({});
  if (!join(options, config)) return kCannotExecute;
  const auto program = inspect_program(words[0], environment("PATH"));
  if (program && program->is_go) use_go_resolver();
  // A program that the library reaches has its authorities from there.
  const bool carries_own = !program || program->is_go || !why_unreachable(*program).empty();
  const bool session_lives = posix_env().stat(config.session_dir).ok();
  if (carries_own && session_lives && config.mode != control::Mode::kLive) set_trust(config);
  return execute(options, words);
}

}  // namespace

Action declare_supervised(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.hide();
  arguments.add("--argv0", &options->argv0, "the program's name for itself");
  arguments.add("--whole-tree", &options->whole_tree, "every program it starts as well");
  return [options](const std::vector<std::string>& words) { return supervised(*options, words); };
}

}  // namespace recshim::tools
