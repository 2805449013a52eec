// See services.h.
#include "tools/recshim/services.h"

#include <fmt/format.h>
#include <unistd.h>

#include "shim/base/log.h"
#include "shim/control/handover.h"
#include "shim/control/names.h"
#include "shim/control/proxies.h"
#include "shim/control/tally.h"
#include "shim/control/unix_socket.h"
#include "tools/recshim/preload.h"

extern char** environ;

namespace recshim::tools {
namespace {

// The gateway's environment: this process's, without the library, under variables.
std::vector<std::string> gateway_environment(std::map<std::string, std::string> variables) {
  variables.erase("LD_PRELOAD");
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (variables.count(name) != 0) continue;
    if (name == "LD_PRELOAD") {
      const std::string rest = without_library(text.substr(name.size() + 1));
      if (!rest.empty()) environment.push_back(name + "=" + rest);
      continue;
    }
    environment.push_back(text);
  }
  for (const auto& [name, value] : variables) environment.push_back(name + "=" + value);
  return environment;
}

// What it had taken up and not finished is counted apart; connections it had not read yet are not.
void account_killed_gateway(const control::Config& config, int signal) {
  control::JournalLine line;
  line.outcome = control::Outcome::kLost;
  line.wall_us = posix_env().wall_time_us();
  line.pid = getpid();
  line.program = "recshim";
  line.detail = fmt::format(
      "the gateway was killed by signal {}, and with it the connections that it had", signal);
  log::tell_user(line.detail);
  control::account(posix_env(), *config.store.memory, config.journal_path, config.session_dir,
                   line);
}

bool somebody_listens(const std::string& path) {
  const auto connection = control::connect_unix(path, 1000);
  if (connection) close(*connection);
  return connection.ok();
}

}  // namespace

Result<Services> Services::open(const control::Config& config, const ServiceOptions& options,
                                const std::map<std::string, std::string>& variables) {
  Services services;
  const bool live = config.mode == control::Mode::kLive;
  if (live && config.connect_to.empty()) return services;
  const std::string socket = supervisor::supervisor_socket_path(config.session_dir);
  const bool supervised = options.supervise != Supervise::kNever;
  if (!config.session_is_fresh &&
      (somebody_listens(socket) ||
       somebody_listens(control::gateway_socket_path(config.session_dir)))) {
    services.shared_ = true;
    if (supervised && somebody_listens(socket)) services.supervisor_socket_ = socket;
    return services;
  }
  if (!live) {
    auto gateway = supervisor::GatewayActivation::make(
        config.session_dir, {options.executable, "gateway"}, gateway_environment(variables),
        [&config](int signal) { account_killed_gateway(config, signal); });
    if (!gateway) return gateway.error();
    services.gateway_ = std::move(*gateway);
  }
  if (!supervised) return services;
  const auto get_env = [](const char* name) -> std::optional<std::string> {
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  supervisor::Options settings;
  settings.guard = options.guard;
  settings.library_name = options.library_name;
  settings.proxies = control::proxies_of_environment(get_env);
  auto made = supervisor::Supervisor::make(config, std::move(settings));
  if (!made) return made.error();
  services.supervisor_ = std::move(*made);
  services.supervisor_socket_ = socket;
  return services;
}

void Services::start() {
  if (supervisor_ != nullptr) supervisor_->start();
  if (gateway_ != nullptr) gateway_->start();
}

void Services::end() {
  // What the supervisor still hands over needs the gateway; what keeps running after it is
  // forked when the other threads have ended.
  if (supervisor_ != nullptr) supervisor_->stop();
  gateway_.reset();
  supervisor_.reset();
}

}  // namespace recshim::tools
