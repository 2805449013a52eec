// What a run did, in words, from its session's tally.
#pragma once

#include <string>

#include "shim/control/config.h"
#include "shim/control/tally.h"

namespace recshim::tools {

// What --strict takes for a failure: replay would not be complete, or was not.
bool is_complete(const control::Tally& tally);

// One line, and one for each of the first problems; ends with a newline.
std::string summary_text(const control::Tally& tally, control::Mode mode, const std::string& dir,
                         const std::string& settings);
// One line of JSON, with the problems that were kept (kMaxProblems); ends with a newline.
std::string summary_json(const control::Tally& tally, const std::string& dir,
                         const std::string& settings, int exit_code);

}  // namespace recshim::tools
