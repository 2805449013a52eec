// `recshim gateway`: the session's helper process, and the files of its authority.
#include "tools/gateway/gateway.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>

#include "shim/control/session.h"
#include "tools/gateway/authority.h"
#include "tools/gateway/java_cacerts.h"
#include "tools/recshim/command.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

struct Options {
  gateway::GatewayOptions gateway;
  bool prepare = false;
  std::vector<std::string> java_cacerts;  // in, out
};

std::optional<std::string> environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// Preloaded, the library would take the gateway's own connections for a program's.
void run_without_library() {
  const std::string preload = environment("LD_PRELOAD").value_or("");
  if (preload.find("librecshim") == std::string::npos) return;
  unsetenv("LD_PRELOAD");
  std::vector<char*> arguments;
  auto text = posix_env().read_file("/proc/self/cmdline");
  if (!text.ok()) return;
  for (size_t at = 0; at < text->size(); at = text->find('\0', at) + 1) {
    arguments.push_back(text->data() + at);
  }
  arguments.push_back(nullptr);
  execv("/proc/self/exe", arguments.data());
}

Result<std::string> prepared_session(const std::string& session_dir) {
  std::string dir = session_dir;
  if (dir.empty()) {
    const control::Config config = load_settings({});
    if (!config.errors.empty()) return Error{ErrorCode::kInvalid, config.errors.front()};
    dir = config.session_dir;
  }
  if (const Status made = control::make_session_dir(dir); !made) return made.error();
  if (const Status made = gateway::prepare_authority(dir); !made) return made.error();
  return dir;
}

Status write_java_store(const std::string& session_dir, const std::string& from,
                        const std::string& to) {
  const auto authority = gateway::Authority::open(session_dir);
  if (!authority) return authority.error();
  const auto store = posix_env().read_file(from);
  if (!store) return store.error();
  const auto merged = gateway::java_store_with(*store, (*authority)->certificate());
  if (!merged) return Error{merged.error().code, from + ": " + merged.error().message};
  return posix_env().write_atomic(to, *merged);
}

int run(const Options& options) {
  run_without_library();
  std::error_code ignored;
  if (!options.prepare && options.java_cacerts.empty()) {
    return gateway::run_gateway(options.gateway, environment,
                                std::filesystem::current_path(ignored).string());
  }
  const auto session_dir = prepared_session(options.gateway.session_dir);
  Status done = session_dir.ok() ? Status() : session_dir.error();
  if (done && !options.java_cacerts.empty()) {
    done = write_java_store(*session_dir, options.java_cacerts[0], options.java_cacerts[1]);
  }
  if (done) return kOk;
  complain(done.error().message);
  return kProblem;
}

}  // namespace

Action declare_gateway(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--session-dir", &options->gateway.session_dir,
                "folder of the session (default: as RECSHIM_SESSION says)");
  arguments.add("--listen-fd", &options->gateway.listen_fd,
                "descriptor of a socket that listens already");
  arguments.add("--done-fd", &options->gateway.done_fd,
                "descriptor of a pipe to close when nothing is left to wait for");
  arguments.add("--prepare", &options->prepare,
                "only make the session's certificate authority, ca.pem in its folder");
  arguments
      .add("--java-cacerts", &options->java_cacerts,
           "only write the Java trust store IN with that authority added to OUT")
      .takes(2, "IN OUT");
  return [options](const std::vector<std::string>&) { return run(*options); };
}

}  // namespace recshim::tools
