// See model_lists.h. Kept as lines: the folder, its time of change, the names.
#include "shim/store/model_lists.h"

#include <algorithm>
#include <sstream>

#include "shim/base/log.h"
#include "shim/base/sha256.h"

namespace recshim::store {
namespace {

// File times tick coarsely: what changed this recently may change again unseen.
constexpr int64_t kSettledNs = int64_t{2} * 1000 * 1000 * 1000;

}  // namespace

Result<std::vector<std::string>> model_list_names(Env& env, const std::string& cache_dir,
                                                  const std::string& dir) {
  std::vector<std::string> names;
  // Looked at before the folder is, so that a change in between is seen next time.
  const auto info = env.stat(dir);
  const int64_t mtime_ns = info.ok() ? info->mtime_ns : 0;
  const bool settled =
      mtime_ns != 0 && mtime_ns + kSettledNs < static_cast<int64_t>(env.wall_time_us()) * 1000;
  const std::string head = dir + "\n" + std::to_string(mtime_ns) + "\n";
  const std::string kept = cache_dir + "/models-" + sha256_hex(dir).substr(0, 32);
  if (settled && !cache_dir.empty()) {
    auto text = env.read_file(kept);
    if (text.ok() && text->starts_with(head)) {
      std::istringstream lines(text->substr(head.size()));
      for (std::string name; std::getline(lines, name);) names.push_back(name);
      return names;
    }
  }
  auto entries = env.list(dir);
  if (!entries.ok() && entries.error().code != ErrorCode::kNotFound) return entries.error();
  if (!entries.ok()) return names;
  for (const auto& entry : *entries) {
    const std::string& name = entry.name;
    if (name.starts_with("models-") && name.ends_with(".json")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  const auto is_line = [](const std::string& name) { return name.find('\n') == std::string::npos; };
  if (settled && !cache_dir.empty() && std::all_of(names.begin(), names.end(), is_line)) {
    std::string text = head;
    for (const auto& name : names) text.append(name).append("\n");
    const Status written = env.write_atomic(kept, text);
    if (!written.ok())
      log::debug("the names of model lists are not kept: {}", written.error().message);
  }
  return names;
}

}  // namespace recshim::store
