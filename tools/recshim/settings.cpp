// Loads the configuration for a tool.
#include "tools/recshim/settings.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "shim/control/settings_file.h"

namespace recshim::tools {

control::GetEnv get_variable(const Overrides& overrides) {
  return [&overrides](const char* name) -> std::optional<std::string> {
    const auto found = overrides.find(name);
    if (found != overrides.end() && !found->second.empty()) return found->second;
    const char* const value = std::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

control::Config load_settings(const Overrides& overrides) {
  std::error_code removed;  // the path is empty then
  const std::string folder = std::filesystem::current_path(removed).string();
  const control::GetEnv get_env = get_variable(overrides);
  const std::string not_obeyed = control::settings_not_obeyed(get_env, folder);
  if (!not_obeyed.empty()) complain(not_obeyed);
  return control::load_config(posix_env(), get_env, folder);
}

bool report_errors(const control::Config& config) {
  for (const std::string& error : config.errors) complain(error);
  return !config.errors.empty();
}

void complain(const std::string& text) {
  std::fprintf(stderr, "recshim: %s\n", text.c_str());
}

}  // namespace recshim::tools
