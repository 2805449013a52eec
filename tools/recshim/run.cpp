// `recshim run`: a session around one command.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/names.h"
#include "shim/control/session.h"
#include "shim/control/tally.h"
#include "tools/recshim/command.h"
#include "tools/recshim/doctor/system_probe.h"
#include "tools/recshim/elf.h"
#include "tools/recshim/elf_image.h"
#include "tools/recshim/launch.h"
#include "tools/recshim/preload.h"
#include "tools/recshim/services.h"
#include "tools/recshim/settings.h"
#include "tools/recshim/summary.h"
#include "tools/supervisor/wrapper.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string mode, dir, hosts, test_id, connect_to, config, journal, log;
  std::string supervise = "auto";
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

// What the session has counted, and what was left behind where its memory was out of reach: also in
// the folders of users that programs of the session have become, which go with it. Only root has
// those.
control::Tally tally(const control::Config& config, const control::Tally& before,
                     uint64_t under_way_before) {
  SessionMemory& memory = *config.store.memory;
  control::Tally now;
  auto counted = control::tally_of(memory);
  if (counted) {
    now = control::difference(std::move(*counted), before);
  } else {
    complain(counted.error().message);
    control::add(control::Outcome::kLost, counted.error().message, now);
  }
  control::add_unreached(posix_env(), config.session_dir, now);
  if (geteuid() == 0) {
    for (const std::string& folder : control::session_folders_of_other_users(config)) {
      control::add_unreached(posix_env(), folder, now);
      // Which follows no link that its user may put in there meanwhile.
      std::error_code ignored;
      fs::remove_all(control::session_tree(folder), ignored);
    }
  }
  for (uint64_t i = under_way_before; i < control::under_way(memory); ++i) {
    control::add(control::Outcome::kUnrecorded,
                 "a request whose answer was not over when the run ended, or whose recording "
                 "process was killed",
                 now);
  }
  return now;
}

// The number of a descriptor of folder that programs keep when they are executed; "" without.
std::string open_for_children(const std::string& folder) {
  const int fd = sys::open(folder.c_str(), O_PATH | O_DIRECTORY);
  const int high = fd < 0 ? -1 : sys::move_high(fd);
  if (high < 0 || fcntl(high, F_SETFD, 0) != 0) return "";
  return std::to_string(high);
}

// How CMD is started.
struct Plan {
  Supervise supervise = Supervise::kAuto;
  bool covered = false;  // all of CMD is under the supervisor, whatever it is
  bool sealed = false;
  bool wrapped = false;   // put there by `recshim supervised`
  bool joins = false;     // puts itself there before it is executed
  bool preloads = true;   // with the library in LD_PRELOAD
  std::string sanitizer;  // the runtime that has to come first in LD_PRELOAD
};

// A program that the supervisor serves in the library's place.
bool is_for_supervisor(const Program& program) {
  return program.is_elf && !program.is_foreign && !program.is_privileged &&
         (program.is_go || !why_unreachable(program).empty());
}

// Here, or by the supervisor of a run around this one, which asks this run's.
Status supervision_possible(const control::Config& config) {
  const Status works = supervision_works();
  const std::string outer = environment(control::kSupervisorVariable);
  const auto is_around = [](const std::string& session_dir) {
    return supervisor::is_supervised(session_dir);
  };
  if (works || is_around(config.session_dir) ||
      (!outer.empty() && is_around(outer.substr(0, outer.rfind('/'))))) {
    return {};
  }
  return works;
}

// Whether all of CMD is put under the supervisor, so that what goes past the library is seen; in
// replay --strict seals it then, and --sealed must.
Status decide_covering(const Options& options, const control::Config& config, Plan& plan) {
  const bool live = config.mode == control::Mode::kLive;
  const bool never = plan.supervise == Supervise::kNever;
  if (options.sealed && never) {
    return Error{ErrorCode::kInvalid, "--sealed needs the supervisor: not with --supervise=never"};
  }
  if (options.sealed && live) {
    return Error{ErrorCode::kInvalid, "--sealed has no meaning in mode live"};
  }
  // Without root a filter takes from programs that they can become other users (sudo). That is too
  // much for a record that need not be whole.
  const bool worth_it = options.strict || options.sealed || plan.supervise == Supervise::kAlways ||
                        config.mode != control::Mode::kRecord || geteuid() == 0;
  if (live || never || !worth_it) return {};
  const Status possible = supervision_possible(config);
  plan.covered = possible.ok();
  plan.sealed =
      plan.covered && (options.sealed || (options.strict && config.mode == control::Mode::kReplay));
  if (possible) return {};
  if (options.sealed) {
    return Error{ErrorCode::kUnsupported, "--sealed: " + possible.error().message};
  }
  if (!options.quiet) {
    complain("programs without the library, and what others do past it, are not seen here: " +
             possible.error().message);
  }
  return {};
}

// Errors when neither the library nor the supervisor could serve the program: its requests
// would go out unseen.
Status look_at_program(const Options& options, const control::Config& config, Plan& plan) {
  const bool always = plan.supervise == Supervise::kAlways || plan.covered;
  const Result<Program> program = inspect_program(options.command[0], environment("PATH"));
  // What can't be found or read is exec's to report.
  plan.wrapped = always && (program || program.error().code != ErrorCode::kNotFound);
  if (!program) return {};
  const std::string why = why_unreachable(*program);
  const bool live = config.mode == control::Mode::kLive;
  const bool supervisable = plan.supervise != Supervise::kNever && is_for_supervisor(*program);
  plan.wrapped = plan.supervise != Supervise::kNever && (always || supervisable) &&
                 (!live || !config.connect_to.empty());
  if (plan.wrapped && !plan.covered) {
    if (const Status possible = supervision_possible(config); !possible) {
      return Error{ErrorCode::kUnsupported, fmt::format("{} needs the supervisor, and {}",
                                                        program->path, possible.error().message)};
    }
  }
  if (!why.empty() && !live && !(supervisable || plan.supervise == Supervise::kAlways)) {
    return Error{ErrorCode::kUnsupported,
                 fmt::format("{} cannot be reached by a preloaded library: {}. Its requests would "
                             "go out unseen, so it was not started",
                             program->path, why)};
  }
  // The wrapper is for those who get the session's CA from it, and for a run inside a run, whose
  // supervisor is found by the environment that a program was executed with.
  if (plan.covered && why.empty() && !program->is_go &&
      environment(control::kSupervisorVariable).empty()) {
    plan.joins = true;
    plan.wrapped = false;
  }
  plan.sanitizer = sanitizer_runtime(*program);
  plan.preloads = !is_loaded_by_musl(*program);
  return {};
}

// What the loader refuses is ignored by it, and what is cut off kills every program.
Status check_library(const std::string& library) {
  const ElfImage image = read_elf_image(library);
  const char* problem = nullptr;
  if (!image.is_elf || image.is_foreign) {
    problem = "is no library for this machine";
  } else if (!image.is_whole || !image.is_position_independent || !image.has_dynamic_section) {
    problem = "is damaged";
  }
  if (problem == nullptr) return {};
  return Error{ErrorCode::kUnsupported,
               fmt::format("{} {}, so nothing would be recorded or replayed; build or install "
                           "recshim again, or set RECSHIM_LIBRARY",
                           library, problem)};
}

// Inside another run this process has the library itself, which must not stand before what
// the supervisor and the gateway do: starts again without it.
void leave_library() {
  const std::string preload = environment("LD_PRELOAD");
  const std::string rest = without_library(preload);
  if (rest == preload || preload.empty()) return;
  if (preload.find("librecshim.so") == std::string::npos) return;
  if (rest.empty()) {
    unsetenv("LD_PRELOAD");
  } else {
    setenv("LD_PRELOAD", rest.c_str(), 1);
  }
  const auto text = posix_env().read_file("/proc/self/cmdline");
  if (!text) return;
  std::vector<char*> arguments;
  std::string words = *text;
  for (size_t at = 0; at < words.size(); at = words.find('\0', at) + 1) {
    arguments.push_back(words.data() + at);
  }
  arguments.push_back(nullptr);
  // Not through the library's hook, which would tell of the lost preload.
  sys::call(SYS_execve, sys::arg("/proc/self/exe"), sys::arg(arguments.data()), sys::arg(environ));
}

// Inside another run with settings of its own, a run has a session of its own.
bool wants_own_session(const Options& options) {
  if (environment(control::kSupervisorVariable).empty()) return false;
  for (const std::string* value :
       {&options.mode, &options.dir, &options.hosts, &options.connect_to, &options.config}) {
    if (!value->empty()) return true;
  }
  return false;
}

int prepare(const Options& options, const control::Config& config, Plan& plan, std::string& library,
            std::string& executable) {
  std::error_code ignored;
  executable = fs::read_symlink("/proc/self/exe", ignored).string();
  const Result<std::string> found =
      find_library(environment(control::kLibraryVariable), fs::path(executable).parent_path());
  if (!found) {
    complain(found.error().message);
    return kUsage;
  }
  library = *found;
  if (const Status fits = check_library(library); !fits) {
    complain(fits.error().message);
    return kUsage;
  }
  if (const Status decided = decide_covering(options, config, plan); !decided) {
    complain(decided.error().message);
    return kUsage;
  }
  if (const Status looked = look_at_program(options, config, plan); !looked) {
    complain(looked.error().message);
    return kCannotExecute;
  }
  return kOk;
}

// In CMD's process. False when it must not go on.
bool join(const Services& services, const control::Config& config, bool whole_tree) {
  supervisor::FilterOptions filter;
  filter.whole_tree = whole_tree;
  filter.forbid_io_uring = true;
  const auto joined =
      supervisor::join_supervisor(services.supervisor_socket(), config.session_dir, filter);
  if (joined && *joined != supervisor::Joined::kForeign) return true;
  complain(joined ? "this process already runs under another supervisor" : joined.error().message);
  return false;
}

int run(const Options& options) {
  if (options.command.empty()) {
    complain("run needs a command: recshim run [options] -- CMD...");
    return kUsage;
  }
  leave_library();
  Overrides variables = overrides_of(options);
  const bool own_session = wants_own_session(options);
  if (own_session) variables[control::kSessionVariable] = control::fresh_session_id();
  control::Config config = load_settings(variables);
  if (own_session) {
    config.session_is_fresh = true;
    config.session_owner = getpid();
  }
  if (report_errors(config)) return kUsage;
  log::remember_stderr();
  if (!config.log_path.empty() && !log::open(config.log_path, config.log_level)) {
    complain(fmt::format("{}: cannot open {} for writing", control::kLogVariable, config.log_path));
    return kUsage;
  }

  Plan plan;
  plan.supervise = options.supervise == "always"  ? Supervise::kAlways
                   : options.supervise == "never" ? Supervise::kNever
                                                  : Supervise::kAuto;
  std::string library;
  std::string executable;
  if (const int problem = prepare(options, config, plan, library, executable); problem != kOk) {
    return problem;
  }
  if (const Status made = control::make_session_dir(config); !made) {
    complain(made.error().message);
    return kUsage;
  }
  const auto memory = control::open_session_memory(config, get_variable(variables));
  if (const Status reached = memory->reachable(); !reached) {
    complain(reached.error().message);
    return kUsage;
  }
  std::error_code ignored;
  if (config.mode == control::Mode::kReplay && !fs::exists(config.dir, ignored) && !options.quiet) {
    complain(fmt::format("there is no folder {}: every request will miss", config.dir));
  }

  for (const auto& [name, value] : control::inherited_variables(config)) variables[name] = value;
  const supervisor::Guard guard = plan.sealed      ? supervisor::Guard::kSealed
                                  : options.strict ? supervisor::Guard::kWatching
                                                   : supervisor::Guard::kOpen;
  Result<Services> services = Services::open(
      config, {plan.supervise, guard, executable, fs::path(library).filename().string()},
      variables);
  if (!services) {
    complain(services.error().message);
    return kUsage;
  }
  if (plan.preloads) {
    variables["LD_PRELOAD"] = compose_preload(library, plan.sanitizer, environment("LD_PRELOAD"));
  }
  variables[control::kSupervisorVariable] = services->supervisor_socket();
  if (!services->supervisor_socket().empty()) {
    variables[control::kSessionFolderVariable] = open_for_children(config.session_dir);
  }
  std::vector<std::string> command = options.command;
  if (plan.wrapped) {
    std::vector<std::string> wrapper = {executable, "supervised"};
    if (guard != supervisor::Guard::kOpen) wrapper.emplace_back("--whole-tree");
    wrapper.emplace_back("--");
    command.insert(command.begin(), wrapper.begin(), wrapper.end());
  }
  const auto counted_before = control::tally_of(*config.store.memory);
  const uint64_t under_way_before = control::under_way(*config.store.memory);
  const Launched launched = launch(
      command, {variables.begin(), variables.end()}, [&] { services->start(); },
      [&] {
        const bool whole_tree = guard != supervisor::Guard::kOpen;
        return !plan.joins || join(*services, config, whole_tree);
      });
  services->end();
  const control::Tally summary =
      tally(config, counted_before ? *counted_before : control::Tally(), under_way_before);
  if (config.session_is_fresh) fs::remove_all(control::session_tree(config.session_dir), ignored);

  if (!launched.started) {
    complain(launched.problem);
    return launched.exit_code;
  }
  const bool failed = options.strict && !is_complete(summary);
  const int exit_code = failed ? kMissed : launched.exit_code;
  if (options.json) {
    std::fputs(summary_json(summary, config.dir, config.config_path, exit_code).c_str(), stderr);
  } else if (!options.quiet) {
    std::fputs(summary_text(summary, config.mode, config.dir, config.config_path).c_str(), stderr);
  }
  return exit_code;
}

}  // namespace

Action declare_run(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--mode", &options->mode,
                "live, record, replay or record-if-missing (RECSHIM_MODE)");
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--hosts", &options->hosts, "hosts to record and replay (RECSHIM_HOSTS)");
  arguments.add("--test-id", &options->test_id, "test the exchanges belong to (RECSHIM_TEST_ID)");
  arguments.add("--connect-to", &options->connect_to,
                "host:port=addr:port, where connections really go (RECSHIM_CONNECT_TO)");
  arguments.add("--config", &options->config, "configuration file (RECSHIM_CONFIG)");
  arguments.add("--journal", &options->journal, "a line for each exchange (RECSHIM_JOURNAL)");
  arguments.add("--log", &options->log, "log file (RECSHIM_LOG)");
  arguments
      .add("--supervise", &options->supervise,
           "auto, always or never: serve programs that the library cannot reach, such as "
           "static and Go ones, by system call notifications")
      .one_of({"auto", "always", "never"});
  arguments.add(
      "--strict", &options->strict,
      "exit with 86 when a request had no recording, could not be recorded or was refused; "
      "in replay also --sealed where the system allows it");
  arguments.add("--sealed", &options->sealed,
                "stop programs that lost the library at their first connection to a configured "
                "host");
  arguments.add("--quiet,-q", &options->quiet, "no summary");
  arguments.add("--json", &options->json, "the summary as one line of JSON, on stderr");
  return [options](const std::vector<std::string>& words) {
    options->command = words;
    return run(*options);
  };
}

}  // namespace recshim::tools
