// The text of a recording file: two-space indent as Python's json.dumps writes it, and the
// part under "recshim" more compactly. Knows layout only.
#pragma once

#include <string>

#include "shim/store/json_bytes.h"

namespace recshim::store {

// json: the whole file. Ends with one newline.
std::string file_text(const Json& json);

}  // namespace recshim::store
