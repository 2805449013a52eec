// recshim.json: reads it into a Config. Knows no variables; the environment is applied
// over the result by config.cpp.
#pragma once

#include <string>
#include <string_view>

#include "shim/control/config.h"

namespace recshim::control {

// text:   the file's content. path: its absolute name, for messages and for its "dir",
//         which is relative to the file's folder.
// config: what the file sets is set; each problem is added to config.errors with the path
//         of the file and the JSON path. A part with a problem leaves its setting alone.
void apply_config_file(std::string_view text, const std::string& path, Config& config);

// Which of the keys that can lead requests to another place than the program means the file sets,
// as a list for people; "" for none.
std::string keys_that_lead_elsewhere(std::string_view text);

}  // namespace recshim::control
