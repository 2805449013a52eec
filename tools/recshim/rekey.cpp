// `recshim rekey`: gives recordings the names that the rules in force now give them.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
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
  bool force = false, json = false;
};

struct Move {
  std::string from;
  std::string to;
};

// What would change, and what can't be told or done.
struct Plan {
  std::vector<Move> moves;
  std::vector<std::string> conflicts;
  size_t unreadable = 0;
};

Plan make_plan(const std::vector<std::string>& files, const control::Config& config) {
  Plan plan;
  std::map<std::string, std::vector<std::string>> by_target;
  for (const std::string& path : files) {
    const auto recording = load_recording(path);
    if (!recording) {
      complain(fmt::format("{}: left alone: {}", shown_path(path, config.dir),
                           recording.error().message));
      ++plan.unreadable;
      continue;
    }
    std::string target = path;
    const std::string old_hash = hash_in_name(path);
    const auto new_hash = recorded_key(*recording, config.store.match);
    // A name without a hash was given by hand, and stays.
    if (!old_hash.empty() && new_hash && *new_hash != old_hash) {
      std::string name = fs::path(path).filename().string();
      name.replace(name.find(old_hash), old_hash.size(), *new_hash);
      target = (fs::path(path).parent_path() / name).string();
    }
    by_target[target].push_back(path);
  }
  for (const auto& [target, sources] : by_target) {
    if (sources.size() > 1) {
      plan.conflicts.push_back(
          fmt::format("{} would all be named {}", fmt::join(sources, ", "), target));
    } else if (sources[0] != target) {
      plan.moves.push_back({sources[0], target});
    }
  }
  return plan;
}

// The new file is complete before the old one goes.
Status move_with_body(const Move& move, const std::string& body) {
  auto recording = load_recording(move.from);
  if (!recording) return recording.error();
  const std::string new_body = fs::path(move.to).stem().string() + ".body";
  const fs::path folder = fs::path(move.from).parent_path();
  recording->json["recshim"]["body"]["file"] = new_body;
  if (Status done = posix_env().rename((folder / body).string(), (folder / new_body).string());
      !done) {
    return done;
  }
  if (Status done = posix_env().write_atomic(move.to, recording->text()); !done) return done;
  return posix_env().remove(move.from);
}

Status move_recording(const Move& move) {
  const auto recording = load_recording(move.from);
  if (!recording) return recording.error();
  const std::string body = describe(*recording).body_file;
  if (body.empty()) return posix_env().rename(move.from, move.to);
  if (body.find('/') != std::string::npos) {
    return Error{ErrorCode::kInvalid,
                 fmt::format("{}: \"{}\" is not a name beside the file", move.from, body)};
  }
  return move_with_body(move, body);
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
      if (fs::exists(move.to, ignored)) {
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
      const match::Json json = {{"from", from}, {"to", shown_path(move.to, dir)}};
      fmt::print("{}\n", line_of(json));
    } else {
      fmt::print("{}\n  -> {}\n", from, fs::path(move.to).filename().string());
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
  const Plan plan = make_plan(*files, config);
  print(plan, files->size(), config.dir, options);
  const bool moved = !options.force || carry_out(plan.moves);
  return moved && plan.conflicts.empty() && plan.unreadable == 0 ? kOk : kProblem;
}

}  // namespace

Action declare_rekey(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--force", &options->force, "rename them");
  arguments.add_default("--dry-run", "only show what would be renamed; the default")
      .not_with("--force");
  arguments.add("--json", &options->json,
                "a line of JSON for each renaming, and one for the counts");
  return [options](const auto&) { return rekey(*options); };
}

}  // namespace recshim::tools
