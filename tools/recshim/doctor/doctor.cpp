// `recshim doctor`: which programs a command starts, how each would be served, and what this
// system lacks.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "shim/control/names.h"
#include "tools/recshim/command.h"
#include "tools/recshim/doctor/interpreters.h"
#include "tools/recshim/doctor/report.h"
#include "tools/recshim/doctor/trace.h"
#include "tools/recshim/preload.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  bool run = false, json = false;
  std::vector<std::string> command;
};

std::optional<std::string> environment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

class Doctor {
 public:
  Doctor(const Options& options, std::string own_folder)
      : options_(options),
        own_folder_(std::move(own_folder)),
        search_(environment("LD_LIBRARY_PATH").value_or("")) {
    report_.command = options.command;
  }

  // Errors: kNotFound and what trace_command says.
  Status look_at_command() {
    Result<CommandChain> chain = follow_command(options_.command, environment);
    if (!chain) return chain.error();
    report_.may_start_more = chain->may_start_more && !options_.run;
    for (size_t i = 0; i < chain->steps.size(); ++i) {
      const ChainStep& step = chain->steps[i];
      if (step.is_script) {
        if (!step.is_guess) report_.scripts.push_back(step);
        continue;
      }
      ProgramReport program = examine(step.path, step.why, {});
      judge_loss(step.loss, program.verdict);
      const bool is_last_certain = std::none_of(
          chain->steps.begin() + static_cast<std::ptrdiff_t>(i) + 1, chain->steps.end(),
          [](const ChainStep& s) { return !s.is_script && !s.is_guess; });
      if ((!step.is_guess && is_last_certain) || is_worth_telling(program)) add(std::move(program));
    }
    return options_.run ? run() : Status();
  }

  void give_up(const std::string& problem) { report_.problem = problem; }

  Report finish(const control::Config& config) {
    const std::string library = environment(control::kLibraryVariable).value_or("");
    report_.system = probe_system(config, library, own_folder_);
    return std::move(report_);
  }

 private:
  ProgramReport examine(const std::string& path, const std::string& why,
                        const std::set<std::string>& mapped) {
    ProgramReport program{why, look_at_program(path, search_), {}, 0, 0};
    std::vector<LaterModule> modules = modules_of(path, program.facts.real_path);
    // What was in memory stands for itself; what could be loaded is no longer of interest.
    if (!mapped.empty()) modules.clear();
    for (const std::string& file : mapped) {
      if (!file.ends_with("librecshim.so")) modules.push_back({file, ""});
    }
    add_modules(modules, search_, program.facts);
    program.verdict = judge(program.facts);
    return program;
  }

  // A program that makes no TLS connections and is reached like any other tells nothing.
  static bool is_worth_telling(const ProgramReport& program) {
    return !program.facts.tls.empty() || !program.verdict.served ||
           program.verdict.door == kSupervisor;
  }

  void add(ProgramReport program) {
    const auto same = std::find_if(report_.programs.begin(), report_.programs.end(),
                                   [&](const ProgramReport& known) {
                                     return known.facts.real_path == program.facts.real_path;
                                   });
    if (same == report_.programs.end()) {
      report_.programs.push_back(std::move(program));
      return;
    }
    program.why = same->why;
    *same = std::move(program);
  }

  Status run() {
    const Result<std::string> library =
        find_library(environment(control::kLibraryVariable).value_or(""), own_folder_);
    if (!library) return library.error();
    const Result<Program> first =
        inspect_program(options_.command[0], environment("PATH").value_or(""));
    std::vector<std::pair<std::string, std::string>> variables = {{control::kModeVariable, "live"}};
    if (!first || !is_loaded_by_musl(*first)) {
      variables.emplace_back("LD_PRELOAD",
                             compose_preload(*library, first ? sanitizer_runtime(*first) : "",
                                             environment("LD_PRELOAD").value_or("")));
    }
    Result<Trace> trace = trace_command(options_.command, variables, "librecshim.so");
    if (!trace) return trace.error();
    report_.was_run = true;
    report_.exit_code = trace->exit_code;
    // Guesses have served their purpose: what ran is known now.
    report_.programs.clear();
    for (const Executed& executed : trace->programs) add_executed(executed);
    return {};
  }

  void add_executed(const Executed& executed) {
    const bool is_first = report_.programs.empty();
    std::string words;
    for (size_t i = 0; i < executed.words.size() && i < 4; ++i) {
      words += (i == 0 ? "" : " ") + executed.words[i];
    }
    if (executed.words.size() > 4) words += " ...";
    ProgramReport program = examine(executed.path, words, executed.mapped);
    program.times = executed.times;
    program.times_without_library = executed.times_without_preload;
    if (executed.times_without_preload != 0 && program.verdict.door == kInProcess) {
      program.verdict.served = false;
      program.verdict.problems.push_back(fmt::format(
          "{} of {} times its environment had lost LD_PRELOAD, so the library was not in it",
          executed.times_without_preload, executed.times));
      program.verdict.advice.emplace_back(
          "let the program that starts it keep LD_PRELOAD and the RECSHIM_ variables; "
          "recshim run --sealed stops it instead of letting it out");
    } else {
      judge_loss({false, executed.times_without_variables != 0, executed.times_as_other_user != 0},
                 program.verdict);
    }
    if (is_first || is_worth_telling(program)) add(std::move(program));
  }

  const Options& options_;
  const std::string own_folder_;
  const LibrarySearch search_;
  Report report_;
};

int doctor(const Options& options) {
  if (options.run && options.command.empty()) {
    complain("--run needs a command: recshim doctor --run -- CMD...");
    return kUsage;
  }
  std::error_code ignored;
  const std::string own_folder = fs::read_symlink("/proc/self/exe", ignored).parent_path().string();
  Doctor doctor(options, own_folder);
  if (!options.command.empty()) {
    if (const Status looked = doctor.look_at_command(); !looked) {
      const std::string& first = options.command.front();
      const bool is_line = options.command.size() == 1 && first.find(' ') != std::string::npos;
      const std::string problem =
          looked.error().message +
          (is_line ? "; give a command's words one by one: recshim doctor " + first : "");
      if (!options.json) {
        complain(problem);
        return kProblem;
      }
      doctor.give_up(problem);
    }
  }
  const Report report = doctor.finish(load_settings({}));
  std::fputs((options.json ? report_json(report) : report_text(report)).c_str(), stdout);
  return report.ok() ? kOk : kProblem;
}

}  // namespace

Action declare_doctor(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--run", &options->run,
                "start the command for real, in mode live, and look at every program it executes; "
                "its output goes to stderr");
  arguments.add("--json", &options->json, "the report as JSON");
  return [options](const std::vector<std::string>& words) {
    options->command = words;
    return doctor(*options);
  };
}

}  // namespace recshim::tools
