// Loads the configuration for a tool.
#include "tools/recshim/settings.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

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
  return control::load_config(posix_env(), get_variable(overrides),
                              std::filesystem::current_path(removed).string());
}

bool report_errors(const control::Config& config) {
  for (const std::string& error : config.errors) complain(error);
  return !config.errors.empty();
}

void complain(const std::string& text) {
  std::fprintf(stderr, "recshim: %s\n", text.c_str());
}

}  // namespace recshim::tools
