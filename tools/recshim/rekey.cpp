// `recshim rekey`: gives recordings the names that the rules in force now give them, and tests
// their new names.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "shim/store/series.h"
#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"
#include "tools/recshim/test_rename.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string dir;
  std::string test;  // OLD=NEW
  bool force = false, json = false;
};

struct Move {
  std::string from;
  std::string to;
  std::optional<std::string> test;  // what its test is called now
};

// What would change, and what can't be told or done.
struct Plan {
  std::vector<Move> moves;
  std::vector<std::string> conflicts;
  size_t unreadable = 0;
};

struct File {
  std::string path;
  store::Recording recording;
};

void set_test(store::Recording& recording, const std::string& test) {
  recording.json["test_id"] = test;
  // Of what has no dialect the key's own text says it once more.
  match::Json& request = recording.json["request"];
  if (request.is_object() && request.contains("test_id")) request["test_id"] = test;
}

// Where a recording lies that stood beside the old test: beside the new one (layout by_test).
std::string folder_for(const std::string& folder, const std::string& dir,
                       const std::string& old_test, const std::string& new_test) {
  const auto from = store::test_folder(old_test);
  const auto to = store::test_folder(new_test);
  return from && to && folder == dir + "/" + *from ? dir + "/" + *to : folder;
}

std::vector<File> read_all(const std::vector<std::string>& paths, const std::string& dir,
                           Plan& plan) {
  std::vector<File> out;
  for (const std::string& path : paths) {
    auto recording = load_recording(path);
    if (recording) {
      out.push_back({path, std::move(*recording)});
      continue;
    }
    complain(fmt::format("{}: left alone: {}", shown_path(path, dir), recording.error().message));
    ++plan.unreadable;
  }
  return out;
}

// rename: null when tests keep their names.
void make_plan(std::vector<File> files, const control::Config& config, const TestRename* rename,
               Plan& plan) {
  std::map<std::string, std::vector<Move>> by_target;
  for (File& file : files) {
    Move move{file.path, file.path, std::nullopt};
    fs::path folder = fs::path(file.path).parent_path();
    const auto test = file.recording.test_id();
    if (rename != nullptr && test) move.test = (*rename)(*test);
    if (move.test) {
      set_test(file.recording, *move.test);
      folder = folder_for(folder.string(), config.dir, *test, *move.test);
    }
    const std::string old_hash = hash_in_name(file.path);
    const auto new_hash = recorded_key(file.recording, config.store.match);
    std::string name = fs::path(file.path).filename().string();
    // A name without a hash was given by hand, and stays.
    if (!old_hash.empty() && new_hash && *new_hash != old_hash) {
      name.replace(name.find(old_hash), old_hash.size(), *new_hash);
    }
    move.to = (folder / name).string();
    by_target[move.to].push_back(std::move(move));
  }
  for (auto& [target, moves] : by_target) {
    if (moves.size() > 1) {
      std::vector<std::string> sources;
      for (const Move& move : moves) sources.push_back(move.from);
      plan.conflicts.push_back(
          fmt::format("{} would all be named {}", fmt::join(sources, ", "), target));
    } else if (moves[0].from != target || moves[0].test) {
      plan.moves.push_back(std::move(moves[0]));
    }
  }
}

// The new file is complete before the old one goes.
Status move_recording(const Move& move) {
  auto recording = load_recording(move.from);
  if (!recording) return recording.error();
  const std::string body = describe(*recording).body_file;
  if (body.find('/') != std::string::npos) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: \"{}\" is not a name beside the file", move.from, body)};
  }
  const fs::path to(move.to);
  if (Status made = posix_env().make_dirs(to.parent_path().string(), 0777); !made) return made;
  if (body.empty() && !move.test) return posix_env().rename(move.from, move.to);
  if (move.test) set_test(*recording, *move.test);
  if (!body.empty() && move.from != move.to) {
    const std::string new_body = to.stem().string() + ".body";
    recording->json["recshim"]["body"]["file"] = new_body;
    const std::string from = (fs::path(move.from).parent_path() / body).string();
    if (Status done = posix_env().rename(from, (to.parent_path() / new_body).string()); !done) {
      return done;
    }
  }
  if (Status done = posix_env().write_atomic(move.to, recording->text()); !done) return done;
  return move.from == move.to ? Status() : posix_env().remove(move.from);
}

// A name may be free only once the recording that has it has moved: goes round until
// nothing more can move.
bool carry_out(std::vector<Move> moves) {
  bool all_done = true;
  for (bool progress = true; progress && !moves.empty();) {
    progress = false;
    std::vector<Move> waiting;
    for (const Move& move : moves) {
      std::error_code ignored;
      if (move.to != move.from && fs::exists(move.to, ignored)) {
        waiting.push_back(move);
        continue;
      }
      progress = true;
      if (const Status done = move_recording(move); !done) {
        complain(done.error().message);
        all_done = false;
      }
    }
    moves = std::move(waiting);
  }
  for (const Move& move : moves) complain(fmt::format("{}: {} is in the way", move.from, move.to));
  return all_done && moves.empty();
}

void print(const Plan& plan, size_t recordings, const std::string& dir, const Options& options) {
  for (const Move& move : plan.moves) {
    const std::string from = shown_path(move.from, dir);
    if (options.json) {
      match::Json json = {{"from", from}, {"to", shown_path(move.to, dir)}};
      if (move.test) json["test"] = *move.test;
      fmt::print("{}\n", line_of(json));
    } else {
      fmt::print("{}\n  -> {}\n", from, shown_path(move.to, dir));
    }
  }
  for (const std::string& conflict : plan.conflicts) {
    complain(fmt::format("{}; left alone: remove those that are not wanted", conflict));
  }
  if (options.json) {
    const match::Json json = {{"recordings", recordings},
                              {options.force ? "renamed" : "to_rename", plan.moves.size()},
                              {"conflicts", plan.conflicts.size()}};
    fmt::print("{}\n", line_of(json));
  } else {
    fmt::print("{} of {} recordings {}\n", plan.moves.size(), recordings,
               options.force ? "renamed" : "to rename (--force renames them)");
  }
}

int rekey(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  const auto files = recording_files(config.dir);
  if (!files) {
    complain(files.error().message);
    return kProblem;
  }
  Plan plan;
  std::vector<File> recordings = read_all(*files, config.dir, plan);
  std::optional<TestRename> rename;
  if (!options.test.empty()) {
    std::vector<std::string> tests;
    for (const File& file : recordings) {
      if (const auto test = file.recording.test_id()) tests.push_back(*test);
    }
    auto parsed = TestRename::parse(options.test, tests);
    if (!parsed) {
      complain(parsed.error().message);
      return kUsage;
    }
    rename = std::move(*parsed);
  }
  make_plan(std::move(recordings), config, rename ? &*rename : nullptr, plan);
  print(plan, files->size(), config.dir, options);
  const bool moved = !options.force || carry_out(plan.moves);
  return moved && plan.conflicts.empty() && plan.unreadable == 0 ? kOk : kProblem;
}

}  // namespace

Action declare_rekey(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments
      .add("--test", &options->test,
           "give the recordings of test OLD to NEW; one * in both stands for the same text")
      .takes(1, "OLD=NEW");
  arguments.add("--force", &options->force, "rename them");
  arguments.add_default("--dry-run", "only show what would be renamed; the default")
      .not_with("--force");
  arguments.add("--json", &options->json,
                "a line of JSON for each renaming, and one for the counts");
  return [options](const auto&) { return rekey(*options); };
}

}  // namespace recshim::tools
