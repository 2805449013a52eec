// Files that anybody may have put into a folder: read only where they are regular files, and where
// no link leads out of the folder; what is neither might never end, or keep us waiting. Asks the
// operating system directly: Env does not know of kinds and links. Threads: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "shim/base/env.h"
#include "shim/base/result.h"

namespace recshim {

// Why the file at path, which is below dir, must not be opened; "" if it may, or is not there.
std::string why_not_readable(const std::string& dir, const std::string& path);
// Why the folder at path, which is below dir, must not be searched, or ".": it is a link to a
// folder that is searched where it is. "" if it may be.
std::string why_not_searchable(const std::string& dir, const std::string& path);

// As Env::read_file and Env::open_readonly. Errors besides: kUnsupported, with the reason;
// kTooLarge.
Result<std::string> read_below(Env& env, const std::string& dir, const std::string& path,
                               uint64_t max_bytes);
Result<std::unique_ptr<SpillFile>> open_below(Env& env, const std::string& dir,
                                              const std::string& path);

}  // namespace recshim
