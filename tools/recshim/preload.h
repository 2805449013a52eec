// LD_PRELOAD for a program under recshim: where librecshim.so is, and what stands before
// and after it.
#pragma once

#include <string>

#include "shim/base/result.h"

namespace recshim::tools {

// `$RECSHIM_LIBRARY` if not empty, else librecshim.so beside the executable (a build
// folder), else in the folders an installation puts it: ../lib/recshim and the library
// folder. Errors: kNotFound naming where it was looked for; kUnsupported for a path with
// a space or a colon, which LD_PRELOAD can't hold.
Result<std::string> find_library(const std::string& library_variable,
                                 const std::string& executable_folder);

// sanitizer: runtime that must come first, or "". user_preload: LD_PRELOAD as it is. The
// user's own sanitizer runtimes stay first, the rest follows librecshim.so.
std::string compose_preload(const std::string& library, const std::string& sanitizer,
                            const std::string& user_preload);

// user_preload without librecshim.so.
std::string without_library(const std::string& user_preload);

}  // namespace recshim::tools
