// Puts a Config together: defaults, then recshim.json, then the environment.
#include "shim/control/config.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "shim/base/sys.h"
#include "shim/control/config_file.h"
#include "shim/control/names.h"
#include "shim/control/session.h"
#include "shim/control/settings_file.h"
#include "shim/control/values.h"

namespace recshim::control {
namespace {

constexpr const char* kDefaultDir = "recordings";

// A variable that is set to nothing counts as not set, as for most tools.
std::optional<std::string> set_value(const GetEnv& get_env, const char* name) {
  auto value = get_env(name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

template <typename T, typename U>
void apply(const GetEnv& get_env, const char* name, Result<T> (*parse)(std::string_view),
           Config& config, U& target) {
  const auto text = set_value(get_env, name);
  if (!text) return;
  Result<T> value = parse(*text);
  if (value) {
    target = std::move(*value);
  } else {
    config.errors.push_back(fmt::format("{}: {}", name, value.error().message));
  }
}

// A variable with a list replaces the file's list as a whole.
template <typename T>
void apply_list(const GetEnv& get_env, const char* name, Result<T> (*parse)(std::string_view),
                Config& config, std::vector<T>& target) {
  const auto text = set_value(get_env, name);
  if (!text) return;
  target.clear();
  for (const std::string& item : split_list(*text)) {
    Result<T> value = parse(item);
    if (value) {
      target.push_back(std::move(*value));
    } else {
      config.errors.push_back(fmt::format("{}: {}", name, value.error().message));
    }
  }
}

// The path that a variable names. False, and an error, where it is relative to a working
// directory that is no more.
bool resolve(const char* name, const std::string& cwd, const std::string& path, Config& config,
             std::string& target) {
  if (!cwd.empty() || path.starts_with('/')) {
    target = absolute_path(cwd, path);
    return true;
  }
  config.errors.push_back(fmt::format(
      "{}: {} is relative to a working directory that does not exist any more; name it by its "
      "absolute path, or start in a folder that exists",
      name, path));
  return false;
}

void read_file(Env& env, const GetEnv& get_env, const std::string& cwd, Config& config) {
  if (const auto named = set_value(get_env, kConfigVariable)) {
    if (*named == kNoConfigFile) return;
    if (!resolve(kConfigVariable, cwd, *named, config, config.config_path)) return;
    const Result<std::string> text = env.read_file(config.config_path);
    if (text) return apply_config_file(*text, config.config_path, config);
    config.errors.push_back(fmt::format("{}: cannot read {}: {}", kConfigVariable,
                                        config.config_path, text.error().message));
    return;
  }
  if (cwd.empty()) return;
  const SettingsFile found = find_settings_file(get_env, cwd);
  if (found.path.empty()) return;
  const Result<std::string> text = found.is_regular
                                       ? env.read_file(found.path)
                                       : Error{ErrorCode::kUnsupported, "it is no regular file"};
  if (!text) {
    config.errors.push_back(fmt::format("cannot read {}: {}", found.path, text.error().message));
  } else if (const auto keys = found.is_users ? "" : keys_that_lead_elsewhere(*text);
             !keys.empty()) {
    // Children get no file then, and so obey it no more than this process does.
    config.errors.push_back(
        fmt::format("{} sets {} and is root's, not yours; if you trust it, say so by {}={}",
                    found.path, keys, kConfigVariable, found.path));
    return;
  } else {
    apply_config_file(*text, found.path, config);
  }
  config.config_path = found.path;
}

void apply_path(const GetEnv& get_env, const char* name, const std::string& cwd, Config& config,
                std::string& target) {
  if (const auto path = set_value(get_env, name)) resolve(name, cwd, *path, config, target);
}

void apply_dir(Env& env, const GetEnv& get_env, const std::string& cwd, Config& config) {
  const auto named = set_value(get_env, kDirVariable);
  if (named || config.dir.empty()) {
    if (!resolve(kDirVariable, cwd, named.value_or(kDefaultDir), config, config.dir)) return;
  }
  const std::string at = named ? std::string(kDirVariable) : config.config_path + ": /dir";
  if (config.dir == "/") {
    config.errors.push_back(at + ": / is the whole disk; name a folder for recordings");
    return;
  }
  const Result<FileInfo> found = env.stat(config.dir);
  if (!found || found->is_directory) return;
  config.errors.push_back(
      fmt::format("{}: {} is a file; name the folder of recordings", at, config.dir));
}

// What makes an existing folder or file unfit to be written, or "". By system calls, as Env does
// not know of rights.
std::string why_not_writable(const std::string& path, int rights) {
  if (faccessat(AT_FDCWD, path.c_str(), rights, AT_EACCESS) == 0) return "";
  return fmt::format("cannot write {}: {}", path, sys::error_text(errno));
}

// Not by opening it: the file comes with its first line.
void check_journal(Env& env, Config& config) {
  const std::string& path = config.journal_path;
  // Of a session's later processes one may run as a user who can't write it.
  const bool is_later = config.session_owner != 0 && !config.session_is_fresh;
  if (path.empty() || is_later) return;
  const std::string folder = path.substr(0, std::max<size_t>(path.rfind('/'), 1));
  std::string problem;
  if (const auto found = env.stat(path)) {
    problem = found->is_directory ? fmt::format("{} is a folder; name a file in it", path)
                                  : why_not_writable(path, W_OK);
  } else if (const auto parent = env.stat(folder);
             parent ? !parent->is_directory : parent.error().code == ErrorCode::kNotFound) {
    problem = fmt::format("cannot write {}: there is no folder {}; make it, or name another file",
                          path, folder);
  } else {
    problem = why_not_writable(folder, W_OK | X_OK);
  }
  if (!problem.empty()) config.errors.push_back(fmt::format("{}: {}", kJournalVariable, problem));
}

// "SESSION:PID", as inherited_variables() writes it. Another session's does not count.
pid_t owner_of_session(const std::optional<std::string>& text, const std::string& session) {
  const std::string prefix = session + ":";
  if (!text || !text->starts_with(prefix)) return 0;
  pid_t owner = 0;
  const char* const end = text->data() + text->size();
  const auto [after, problem] = std::from_chars(text->data() + prefix.size(), end, owner);
  return problem == std::errc() && after == end && owner > 0 ? owner : 0;
}

void apply_session(const GetEnv& get_env, Config& config) {
  apply(get_env, kSessionVariable, parse_session, config, config.session);
  if (config.session.empty()) {
    config.session = fresh_session_id();
    config.session_is_fresh = true;
    config.session_owner = getpid();
  } else {
    config.session_owner = owner_of_session(get_env(kSessionOwnerVariable), config.session);
  }
  const std::string root = session_root(get_env, config.session);
  config.session_dir = root + "/" + config.session;
  for (const std::string& folder : {root, config.session_dir}) {
    if (const Status checked = check_session_folder(folder); !checked) {
      config.errors.push_back(checked.error().message);
      return;
    }
  }
}

// Base directory specification: a relative XDG_CACHE_HOME is to be ignored.
std::string named_cache_dir(const GetEnv& get_env, const std::string& session) {
  const std::string cache = get_env("XDG_CACHE_HOME").value_or("");
  if (cache.starts_with('/')) return absolute_path(cache, "recshim");
  const std::string home = get_env("HOME").value_or("");
  if (home.starts_with('/')) return absolute_path(home, ".cache/recshim");
  return session_root(get_env, session) + "/cache";
}

// None where others could have put something there: it says which recording answers.
std::string cache_dir(const GetEnv& get_env, const std::string& session) {
  std::string named = named_cache_dir(get_env, session);
  return is_private_folder(named) ? named : "";
}

void check_connect_to(Config& config) {
  for (size_t i = 0; i < config.connect_to.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const ConnectTo& a = config.connect_to[i];
      const ConnectTo& b = config.connect_to[j];
      if (a.host != b.host || a.port != b.port) continue;
      config.errors.push_back(
          fmt::format("{}: {}:{} is given twice", kConnectToVariable, a.host, a.port));
    }
  }
}

}  // namespace

Config load_config(Env& env, const GetEnv& get_env, const std::string& cwd) {
  Config config;
  read_file(env, get_env, cwd, config);

  apply(get_env, kModeVariable, parse_mode, config, config.mode);
  apply_list(get_env, kHostsVariable, parse_host_rule, config, config.hosts);
  apply_list(get_env, kConnectToVariable, parse_connect_to, config, config.connect_to);
  apply(get_env, kOnMissVariable, parse_on_miss, config, config.respond_on_miss);
  apply(get_env, kPaceVariable, parse_pace, config, config.pace);
  apply(get_env, kLogLevelVariable, parse_log_level, config, config.log_level);
  apply_dir(env, get_env, cwd, config);
  apply_path(get_env, kLogVariable, cwd, config, config.log_path);
  apply_path(get_env, kJournalVariable, cwd, config, config.journal_path);
  apply_session(get_env, config);
  check_journal(env, config);
  check_connect_to(config);
  // A program that retries would be answered with its first error for good.
  const bool if_missing = config.mode == Mode::kRecordIfMissing;
  config.store.record_errors = config.record_errors.value_or(!if_missing);
  config.store.keep_existing = if_missing;

  config.store.dir = config.dir;
  config.store.session_dir = config.session_dir;
  config.store.cache_dir = cache_dir(get_env, config.session);
  if (const Status checked = match::check_options(config.store.match); !checked) {
    config.errors.push_back(config.config_path + ": " + checked.error().message);
  }
  return config;
}

std::vector<std::pair<std::string, std::string>> inherited_variables(const Config& config) {
  std::vector<std::pair<std::string, std::string>> variables = {
      {kSessionVariable, config.session},
      {kDirVariable, config.dir},
      {kConfigVariable, config.config_path.empty() ? kNoConfigFile : config.config_path}};
  if (config.session_owner != 0) {
    variables.emplace_back(kSessionOwnerVariable,
                           fmt::format("{}:{}", config.session, config.session_owner));
  }
  if (!config.memory_at.empty()) {
    variables.emplace_back(kSessionMemoryVariable, config.memory_at);
  }
  if (!config.log_path.empty()) variables.emplace_back(kLogVariable, config.log_path);
  if (!config.journal_path.empty()) variables.emplace_back(kJournalVariable, config.journal_path);
  return variables;
}

}  // namespace recshim::control
