// `recshim prune`: removes what a run did not use.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <set>
#include <sstream>

#include "shim/control/journal.h"
#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;
using control::Outcome;

struct Options {
  std::string dir;
  std::vector<std::string> journals;
  bool force = false, json = false;
};

struct Used {
  std::set<std::string> files;  // absolute
  std::set<std::string> keys;   // of requests that were answered
};

std::string canonical(const std::string& path) {
  std::error_code ignored;
  return fs::weakly_canonical(path, ignored).string();
}

Status read_journal(const std::string& path, Used& used) {
  const Result<std::string> text = posix_env().read_file(path);
  if (!text) return text.error();
  std::istringstream lines(*text);
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto parsed = control::parse_journal_line(line);
    // A line that can't be read may be the one that names a recording in use.
    if (!parsed) {
      return Error{ErrorCode::kInvalid,
                   fmt::format("{}:{}: {}", path, number, parsed.error().message)};
    }
    if (parsed->outcome != Outcome::kHit && parsed->outcome != Outcome::kRecorded &&
        parsed->outcome != Outcome::kUnchanged) {
      continue;
    }
    used.files.insert(canonical(parsed->file));
    used.keys.insert(parsed->key);
  }
  return {};
}

bool is_used(const std::string& path, const Used& used) {
  if (used.files.contains(canonical(path))) return true;
  // Model lists are merged: one line stands for every file with the key.
  return fs::path(path).filename().string().starts_with("models-") &&
         used.keys.contains(hash_in_name(path));
}

void print_one(const std::string& file, const Options& options) {
  const char* const what = options.force ? "removed" : "unused";
  if (options.json) {
    const match::Json json = {{what, file}};
    fmt::print("{}\n", line_of(json));
  } else {
    fmt::print("{} {}\n", what, file);
  }
}

int prune(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  Used used;
  for (const std::string& journal : options.journals) {
    if (const Status read = read_journal(journal, used); !read) {
      complain(read.error().message);
      return kUsage;
    }
  }
  const auto files = recording_files(config.dir);
  if (!files) {
    complain(files.error().message);
    return kProblem;
  }
  std::vector<std::string> unused;
  for (const std::string& path : *files) {
    if (!is_used(path, used)) unused.push_back(path);
  }
  if (!files->empty() && unused.size() == files->size()) {
    complain(
        fmt::format("the journal names no recording of {}: it is another folder's, or its run "
                    "used nothing; nothing is removed",
                    config.dir));
    return kProblem;
  }
  int exit_code = kOk;
  size_t removed = 0;
  for (const std::string& path : unused) {
    const auto recording = load_recording(path);
    if (!recording) {
      complain(fmt::format("{}: not a recording, left alone: {}", path, recording.error().message));
      exit_code = kProblem;
      continue;
    }
    print_one(shown_path(path, config.dir), options);
    ++removed;
    if (!options.force) continue;
    const std::string body = describe(*recording).body_file;
    // The recording first: a body without it is litter, the reverse would be an error.
    Status done = posix_env().remove(path);
    if (done && !body.empty() && body.find('/') == std::string::npos) {
      done = posix_env().remove((fs::path(path).parent_path() / body).string());
    }
    if (!done) {
      complain(done.error().message);
      exit_code = kProblem;
    }
  }
  if (options.json) {
    const match::Json json = {{"recordings", files->size()},
                              {options.force ? "removed" : "unused", removed}};
    fmt::print("{}\n", line_of(json));
  } else {
    fmt::print("{} of {} recordings {}\n", removed, files->size(),
               options.force ? "removed" : "unused (--force removes them)");
  }
  return exit_code;
}

}  // namespace

Action declare_prune(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--journal", &options->journals, "journal of a whole run; may be given again")
      .required();
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--force", &options->force, "remove them");
  arguments.add_default("--dry-run", "only show what would be removed; the default")
      .not_with("--force");
  arguments.add("--json", &options->json,
                "a line of JSON for each recording, and one for the counts");
  return [options](const auto&) { return prune(*options); };
}

}  // namespace recshim::tools
