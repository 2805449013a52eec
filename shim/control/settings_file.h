// Which recshim.json is in force where none is named, and whom this user takes settings from. Asks
// the operating system directly: Env does not know of owners and rights.
#pragma once

#include <string>

#include "shim/control/config.h"

namespace recshim::control {

struct SettingsFile {
  std::string path;  // absolute; empty: there is none
  bool is_regular = true;
  bool is_users = true;    // else it is root's: keys that lead traffic elsewhere are an error
  std::string not_obeyed;  // the nearest that is there and does not count, with the reason
};

// Searches cwd and the folders above it, up to the repository's top or the user's home. Only
// folders and files count that belong to the user or root, and that nobody else can write to.
SettingsFile find_settings_file(const GetEnv& get_env, const std::string& cwd);

// What is to be told of that search: not_obeyed; "" where a file is named, and nothing searched.
std::string settings_not_obeyed(const GetEnv& get_env, const std::string& cwd);

// Whether path is a folder of this user's that nobody else can write to, or is not there yet.
bool is_private_folder(const std::string& path);

}  // namespace recshim::control
