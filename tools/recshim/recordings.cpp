// Finds, loads and describes recording files.
#include "tools/recshim/recordings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "shim/base/env.h"
#include "shim/base/regular_file.h"
#include "shim/control/names.h"
#include "shim/store/asked.h"

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;
using match::Json;

constexpr size_t kHashDigits = 64;
constexpr size_t kShortestPrefix = 8;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The value at keys, or null.
const Json* at(const Json& json, std::initializer_list<const char*> keys) {
  const Json* value = &json;
  for (const char* key : keys) {
    if (!value->is_object()) return nullptr;
    const auto found = value->find(key);
    if (found == value->end()) return nullptr;
    value = &*found;
  }
  return value;
}

std::string text_at(const Json& json, std::initializer_list<const char*> keys) {
  const Json* const value = at(json, keys);
  return value != nullptr && value->is_string() ? value->get<std::string>() : "";
}

int status_of(const Json& json) {
  using Keys = std::initializer_list<const char*>;
  for (const Keys& keys : {Keys{"recshim", "response", "status"}, Keys{"response", "status"},
                           Keys{"response", "exception_data", "status_code"}}) {
    const Json* const value = at(json, keys);
    if (value != nullptr && value->is_number_integer()) return value->get<int>();
  }
  // llama-stack writes no status for what succeeded.
  const Json* const failed = at(json, {"response", "is_exception"});
  return failed != nullptr && *failed == true ? 0 : 200;
}

}  // namespace

Result<std::vector<std::string>> recording_files(const std::string& dir,
                                                 std::vector<PassedOver>* passed_over) {
  std::vector<std::string> files;
  std::error_code problem;
  // Folders below may be left out; an empty list for the folder itself would mislead.
  if (access(dir.c_str(), R_OK | X_OK) != 0 && errno != ENOENT) {
    return Error{ErrorCode::kIo, fmt::format("cannot list {}: {}", dir, std::strerror(errno))};
  }
  // Follows no link to a folder.
  fs::recursive_directory_iterator walk(dir, fs::directory_options::skip_permission_denied,
                                        problem);
  for (; !problem && walk != fs::recursive_directory_iterator(); walk.increment(problem)) {
    const std::string path = walk->path().string();
    const std::string name = walk->path().filename().string();
    if (name.starts_with('.')) {
      walk.disable_recursion_pending();
      continue;
    }
    std::error_code ignored;
    const bool is_link = walk->is_symlink(ignored);
    const bool is_folder = walk->is_directory(ignored);
    std::string reason;
    if (is_folder && is_link) {
      reason = why_not_searchable(dir, path);
      if (reason == ".") continue;
    } else if (!is_folder && name.ends_with(".json") && name != control::kConfigFileName) {
      reason = why_not_readable(dir, path);
      if (reason.empty()) files.push_back(path);
    }
    if (!reason.empty() && passed_over != nullptr) passed_over->push_back({path, reason});
  }
  if (problem) {
    const bool missing = problem == std::errc::no_such_file_or_directory;
    if (missing) {
      return Error{ErrorCode::kNotFound,
                   fmt::format("there is no folder {}: record first (recshim run --mode record -- "
                               "CMD), or name another with --dir",
                               dir)};
    }
    return Error{ErrorCode::kIo, fmt::format("cannot list {}: {}", dir, problem.message())};
  }
  std::sort(files.begin(), files.end());
  return files;
}

Result<store::Recording> load_recording(const std::string& path) {
  Result<std::string> text = posix_env().read_file(path);
  if (!text) return text.error();
  return store::Recording::parse(*text);
}

Result<http::Exchange> load_exchange(const store::Recording& recording, const std::string& path,
                                     bool* was_edited) {
  const auto open_body = [&](const std::string& name, uint64_t) -> Result<Body> {
    if (name.find('/') != std::string::npos) {
      return Error{ErrorCode::kInvalid, fmt::format("\"{}\" is not a name beside the file", name)};
    }
    const std::string body_path = (fs::path(path).parent_path() / name).string();
    auto file = open_below(posix_env(), fs::path(path).parent_path().string(), body_path);
    if (!file) return file.error();
    const Result<FileInfo> info = posix_env().stat(body_path);
    if (!info) return info.error();
    return Body::from_file(std::move(*file), info->size_bytes);
  };
  return store::to_exchange(recording, open_body, nullptr, was_edited);
}

Result<std::string> find_recording(const std::string& dir, const std::string& text) {
  std::error_code ignored;
  if (fs::is_regular_file(text, ignored)) return text;
  const std::string in_dir = (fs::path(dir) / text).string();
  if (fs::is_regular_file(in_dir, ignored)) return in_dir;
  if (fs::is_directory(text, ignored)) {
    return Error{ErrorCode::kInvalid, fmt::format("{} is a folder; name one recording", text)};
  }
  const bool prefix = text.size() >= kShortestPrefix && text.size() <= kHashDigits && is_hex(text);
  if (!prefix) {
    return Error{
        ErrorCode::kNotFound,
        fmt::format("{}: no such file, and not the start of a hash (8 hex digits or more)", text)};
  }
  const auto files = recording_files(dir);
  if (!files) return files.error();
  std::vector<std::string> found;
  for (const std::string& path : *files) {
    if (hash_in_name(path).starts_with(text)) found.push_back(path);
  }
  if (found.size() == 1) return found[0];
  if (found.empty()) {
    return Error{ErrorCode::kNotFound,
                 fmt::format("no recording under {} starts with {}", dir, text)};
  }
  return Error{ErrorCode::kInvalid, fmt::format("{} recordings start with {}:\n  {}", found.size(),
                                                text, fmt::join(found, "\n  "))};
}

Described describe(const store::Recording& recording) {
  const Json& json = recording.json;
  Described described;
  described.method = text_at(json, {"recshim", "request", "method"});
  if (described.method.empty()) described.method = text_at(json, {"request", "method"});
  described.url = text_at(json, {"request", "url"});
  // The dialects' url is the SDK's, not the one on the wire.
  const std::string target = text_at(json, {"recshim", "request", "target"});
  if (!target.empty()) {
    described.url =
        target.starts_with('/') ? text_at(json, {"recshim", "origin"}) + target : target;
  }
  described.test_id = recording.test_id().value_or("");
  described.status = status_of(json);
  const Json* const streaming = at(json, {"response", "is_streaming"});
  described.streaming = streaming != nullptr && *streaming == true;
  described.body_file = text_at(json, {"recshim", "body", "file"});
  return described;
}

std::string hash_in_name(const std::string& path) {
  std::string name = fs::path(path).stem().string();
  if (name.starts_with("models-")) name.erase(0, 7);
  const bool has_hash = name.size() >= kHashDigits && is_hex(name.substr(0, kHashDigits)) &&
                        (name.size() == kHashDigits || name[kHashDigits] == '-');
  return has_hash ? name.substr(0, kHashDigits) : "";
}

std::optional<std::string> recorded_key(const store::Recording& recording,
                                        const match::MatchOptions& options) {
  return match::hash_of_recorded(store::request_under(recording, options), recording.test_id(),
                                 options);
}

std::string shown_path(const std::string& path, const std::string& dir) {
  const std::string relative = fs::path(path).lexically_relative(dir).string();
  return relative.empty() || relative.starts_with("..") ? path : relative;
}

}  // namespace recshim::tools
