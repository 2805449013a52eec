// Puts a Config together: defaults, then recshim.json, then the environment.
#include "shim/control/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <utility>

#include "shim/control/config_file.h"
#include "shim/control/names.h"
#include "shim/control/session.h"
#include "shim/control/values.h"

namespace recshim::control {
namespace {

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

void read_file(Env& env, const GetEnv& get_env, const std::string& cwd, Config& config) {
  if (const auto named = set_value(get_env, kConfigVariable)) {
    if (*named == kNoConfigFile) return;
    config.config_path = absolute_path(cwd, *named);
    const Result<std::string> text = env.read_file(config.config_path);
    if (text) return apply_config_file(*text, config.config_path, config);
    config.errors.push_back(fmt::format("{}: cannot read {}: {}", kConfigVariable,
                                        config.config_path, text.error().message));
    return;
  }
  for (std::string folder = cwd;;) {
    const std::string path = absolute_path(folder, kConfigFileName);
    const Result<std::string> text = env.read_file(path);
    if (text) {
      config.config_path = path;
      return apply_config_file(*text, path, config);
    }
    // A folder that may not be searched holds no file of ours; a file that is there and
    // can't be read is an error.
    if (text.error().code != ErrorCode::kNotFound && env.stat(path)) {
      config.config_path = path;
      config.errors.push_back(fmt::format("cannot read {}: {}", path, text.error().message));
      return;
    }
    if (folder == "/") return;
    folder = absolute_path(folder, "..");
  }
}

void apply_path(const GetEnv& get_env, const char* name, const std::string& cwd,
                std::string& target) {
  if (const auto path = set_value(get_env, name)) target = absolute_path(cwd, *path);
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
  const std::string root = session_root(get_env);
  config.session_dir = root + "/" + config.session;
  for (const std::string& folder : {root, config.session_dir}) {
    if (const Status checked = check_session_folder(folder); !checked) {
      config.errors.push_back(checked.error().message);
      return;
    }
  }
}

// Base directory specification: a relative XDG_CACHE_HOME is to be ignored.
std::string cache_dir(const GetEnv& get_env) {
  const std::string cache = get_env("XDG_CACHE_HOME").value_or("");
  if (cache.starts_with('/')) return absolute_path(cache, "recshim");
  const std::string home = get_env("HOME").value_or("");
  if (home.starts_with('/')) return absolute_path(home, ".cache/recshim");
  return session_root(get_env) + "/cache";
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
  config.dir = absolute_path(cwd, "recordings");
  read_file(env, get_env, cwd, config);

  apply(get_env, kModeVariable, parse_mode, config, config.mode);
  apply_list(get_env, kHostsVariable, parse_host_rule, config, config.hosts);
  apply_list(get_env, kConnectToVariable, parse_connect_to, config, config.connect_to);
  apply(get_env, kOnMissVariable, parse_on_miss, config, config.respond_on_miss);
  apply(get_env, kPaceVariable, parse_pace, config, config.pace);
  apply(get_env, kLogLevelVariable, parse_log_level, config, config.log_level);
  apply_path(get_env, kDirVariable, cwd, config.dir);
  apply_path(get_env, kLogVariable, cwd, config.log_path);
  apply_path(get_env, kJournalVariable, cwd, config.journal_path);
  apply_session(get_env, config);
  check_connect_to(config);
  // A program that retries would be answered with its first error for good.
  const bool if_missing = config.mode == Mode::kRecordIfMissing;
  config.store.record_errors = config.record_errors.value_or(!if_missing);
  config.store.keep_existing = if_missing;

  config.store.dir = config.dir;
  config.store.session_dir = config.session_dir;
  config.store.cache_dir = cache_dir(get_env);
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
  if (!config.log_path.empty()) variables.emplace_back(kLogVariable, config.log_path);
  if (!config.journal_path.empty()) variables.emplace_back(kJournalVariable, config.journal_path);
  return variables;
}

}  // namespace recshim::control
