// The configuration as the tools see it: the environment, under what options say.
#pragma once

#include <map>
#include <string>

#include "shim/control/config.h"

namespace recshim::tools {

// Variable → value; what is here and not empty goes before the environment.
using Overrides = std::map<std::string, std::string>;

// overrides: borrowed.
control::GetEnv get_variable(const Overrides& overrides);
// Tells the user of a recshim.json that is there and does not count.
control::Config load_settings(const Overrides& overrides);
// Writes each problem of config on stderr; true if there was any.
bool report_errors(const control::Config& config);
// "recshim: <text>" on stderr.
void complain(const std::string& text);

}  // namespace recshim::tools
