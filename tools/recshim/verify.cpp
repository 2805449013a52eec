// `recshim verify`: every recording of a folder can be read, named and replayed.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>

#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string dir;
  bool json = false;
};

struct Finding {
  std::string file;
  std::string problem;  // it can't be replayed, or nobody needs it
  std::string note;     // worth knowing and no problem
};

struct Findings {
  std::vector<Finding> list;
  size_t recordings = 0;
  size_t problems = 0;

  void problem(const std::string& file, const std::string& text) {
    list.push_back({file, text, ""});
    ++problems;
  }
  void note(const std::string& file, const std::string& text) { list.push_back({file, "", text}); }
};

void check_key(const store::Recording& recording, const std::string& path, const std::string& shown,
               const match::MatchOptions& options, Findings& findings) {
  const std::string name = hash_in_name(path);
  const auto key = recorded_key(recording, options);
  if (!key) {
    findings.problem(shown, "/request: holds no method, url and body to make a key of");
  } else if (name.empty()) {
    findings.note(shown, fmt::format("named by hand; found by its content, its key is {}", *key));
  } else if (name != *key) {
    findings.note(shown, fmt::format("its name is not its key {}; found by its content", *key));
  }
}

void check(const std::string& path, const control::Config& config, std::set<std::string>& bodies,
           Findings& findings) {
  const std::string shown = shown_path(path, config.dir);
  const auto recording = load_recording(path);
  if (!recording) return findings.problem(shown, recording.error().message);
  ++findings.recordings;
  const Described described = describe(*recording);
  if (!described.body_file.empty()) {
    bodies.insert((fs::path(path).parent_path() / described.body_file).string());
  }
  if (const auto reason = recording->not_http()) return findings.note(shown, *reason);
  bool was_edited = false;
  const auto exchange = load_exchange(*recording, path, &was_edited);
  if (!exchange) {
    findings.problem(shown, exchange.error().message);
  } else if (exchange->response.status < 100) {
    findings.problem(shown, "it has no response status");
  }
  if (was_edited) {
    findings.note(shown,
                  "edited by hand: its body is sent as it stands, and what else the file says of "
                  "it does not count");
  }
  check_key(*recording, path, shown, config.store.match, findings);
}

// `.body` files that no recording names: what is left of one that was removed by hand.
void check_orphans(const std::string& dir, const std::set<std::string>& bodies,
                   Findings& findings) {
  std::error_code problem;
  for (fs::recursive_directory_iterator walk(dir, problem);
       !problem && walk != fs::recursive_directory_iterator(); walk.increment(problem)) {
    const std::string path = walk->path().string();
    if (walk->path().extension() == ".body" && !bodies.contains(path)) {
      findings.problem(shown_path(path, dir), "no recording names this body");
    }
  }
}

void print(const Findings& findings, const Options& options) {
  for (const Finding& finding : findings.list) {
    if (options.json) {
      const bool bad = !finding.problem.empty();
      const match::Json json = {{"file", finding.file},
                                {"kind", bad ? "problem" : "note"},
                                {"text", bad ? finding.problem : finding.note}};
      fmt::print("{}\n", line_of(json));
    } else if (!finding.problem.empty()) {
      fmt::print("{}: problem: {}\n", finding.file, finding.problem);
    } else {
      fmt::print("{}: note: {}\n", finding.file, finding.note);
    }
  }
  if (options.json) {
    const match::Json json = {{"recordings", findings.recordings},
                              {"problems", findings.problems},
                              {"notes", findings.list.size() - findings.problems}};
    fmt::print("{}\n", line_of(json));
  } else {
    fmt::print("{} recordings, {} problems, {} notes\n", findings.recordings, findings.problems,
               findings.list.size() - findings.problems);
  }
}

int verify(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  std::vector<PassedOver> passed_over;
  const auto files = recording_files(config.dir, &passed_over);
  if (!files) {
    complain(files.error().message);
    return kProblem;
  }
  Findings findings;
  std::set<std::string> bodies;
  for (const std::string& path : *files) check(path, config, bodies, findings);
  for (const auto& item : passed_over) {
    findings.problem(shown_path(item.path, config.dir), "passed over: " + item.reason);
  }
  check_orphans(config.dir, bodies, findings);
  print(findings, options);
  return findings.problems == 0 ? kOk : kProblem;
}

}  // namespace

Action declare_verify(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("dir,--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--json", &options->json,
                "a line of JSON for each finding, and one for the counts");
  return [options](const auto&) { return verify(*options); };
}

}  // namespace recshim::tools
