// `recshim run`: a session around one command.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "shim/control/names.h"
#include "shim/control/session.h"
#include "tools/recshim/command.h"
#include "tools/recshim/elf.h"
#include "tools/recshim/launch.h"
#include "tools/recshim/preload.h"
#include "tools/recshim/settings.h"
#include "tools/recshim/summary.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string mode, dir, hosts, test_id, connect_to, config, journal, log;
  bool strict = false, sealed = false, quiet = false, json = false;
  std::vector<std::string> command;
};

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Overrides overrides_of(const Options& options) {
  Overrides overrides;
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) overrides[name] = value;
  };
  set(control::kModeVariable, options.mode);
  set(control::kDirVariable, options.dir);
  set(control::kHostsVariable, options.hosts);
  set(control::kTestIdVariable, options.test_id);
  set(control::kConnectToVariable, options.connect_to);
  set(control::kConfigVariable, options.config);
  set(control::kJournalVariable, options.journal);
  set(control::kLogVariable, options.log);
  return overrides;
}

// The session's journal from offset on. Another session's lines may stand before it when
// RECSHIM_SESSION was set.
std::string read_journal(const std::string& session_dir, size_t offset) {
  auto text = posix_env().read_file(session_dir + "/" + control::kSessionJournalName);
  return text && text->size() > offset ? text->substr(offset) : "";
}

// The sanitizer runtime that has to come first; an error when no preloaded library could
// reach the program and its requests would go out unseen.
Result<std::string> check_program(const Options& options, const control::Config& config) {
  const Result<Program> program = inspect_program(options.command[0], environment("PATH"));
  // What can't be found or read is exec's to report.
  if (!program) return std::string();
  const std::string why = why_unreachable(*program);
  if (!why.empty() && config.mode != control::Mode::kLive) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} cannot be reached by a preloaded library: {}. Its requests would "
                             "go out unseen, so it was not started",
                             program->path, why)};
  }
  return sanitizer_runtime(*program);
}

int run(const Options& options) {
  if (options.sealed) {
    complain("--sealed needs the supervisor, which this version does not have");
    return kUsage;
  }
  if (options.command.empty()) {
    complain("run needs a command: recshim run [options] -- CMD...");
    return kUsage;
  }
  Overrides variables = overrides_of(options);
  const control::Config config = load_settings(variables);
  if (report_errors(config)) return kUsage;

  std::error_code ignored;
  const std::string own_folder = fs::read_symlink("/proc/self/exe", ignored).parent_path().string();
  const Result<std::string> library =
      find_library(environment(control::kLibraryVariable), own_folder);
  if (!library) {
    complain(library.error().message);
    return kUsage;
  }
  const Result<std::string> sanitizer = check_program(options, config);
  if (!sanitizer) {
    complain(sanitizer.error().message);
    return kCannotExecute;
  }
  if (const Status made = control::make_session_dir(config.session_dir); !made) {
    complain(made.error().message);
    return kUsage;
  }
  if (config.mode == control::Mode::kReplay && !fs::exists(config.dir, ignored) && !options.quiet) {
    complain(fmt::format("there is no folder {}: every request will miss", config.dir));
  }

  for (const auto& [name, value] : control::inherited_variables(config)) variables[name] = value;
  variables["LD_PRELOAD"] = compose_preload(*library, *sanitizer, environment("LD_PRELOAD"));
  const size_t journal_start = read_journal(config.session_dir, 0).size();
  const Launched launched = launch(options.command, {variables.begin(), variables.end()});
  const Summary summary = summarize(read_journal(config.session_dir, journal_start));
  if (config.session_is_fresh) fs::remove_all(config.session_dir, ignored);

  if (!launched.started) {
    complain(launched.problem);
    return launched.exit_code;
  }
  const int exit_code = options.strict && summary.missed != 0 ? kMissed : launched.exit_code;
  if (options.json) {
    std::fputs(summary_json(summary, config.dir, exit_code).c_str(), stderr);
  } else if (!options.quiet) {
    std::fputs(summary_text(summary, config.dir).c_str(), stderr);
  }
  return exit_code;
}

}  // namespace

Action declare_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--mode", options->mode,
                 "live, record, replay or record-if-missing (RECSHIM_MODE)");
  app.add_option("--dir", options->dir, "folder of recordings (RECSHIM_DIR)");
  app.add_option("--hosts", options->hosts, "hosts to record and replay (RECSHIM_HOSTS)");
  app.add_option("--test-id", options->test_id, "test the exchanges belong to (RECSHIM_TEST_ID)");
  app.add_option("--connect-to", options->connect_to,
                 "host:port=addr:port, where connections really go (RECSHIM_CONNECT_TO)");
  app.add_option("--config", options->config, "configuration file (RECSHIM_CONFIG)");
  app.add_option("--journal", options->journal, "a line for each exchange (RECSHIM_JOURNAL)");
  app.add_option("--log", options->log, "log file (RECSHIM_LOG)");
  app.add_flag("--strict", options->strict, "exit with 86 when a request had no recording");
  app.add_flag("--sealed", options->sealed,
               "refuse programs that the library cannot reach; needs the supervisor, which this "
               "version does not have");
  app.add_flag("--quiet,-q", options->quiet, "no summary");
  app.add_flag("--json", options->json, "the summary as one line of JSON, on stderr");
  return [options](const std::vector<std::string>& words) {
    options->command = words;
    return run(*options);
  };
}

}  // namespace recshim::tools
