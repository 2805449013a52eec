// How much two requests have in common, told from a few numbers of each.
#pragma once

#include <cstdint>
#include <vector>

#include "shim/match/request_key.h"

namespace recshim::match {

// A sample of what a request says: the smallest hashes of its query parameters, of its body's
// values with their places, and of words of its texts. Ascending, each once. Two requests that have
// much in common have much of their samples in common (A. Broder, "On the resemblance and
// containment of documents", 1997).
using Sketch = std::vector<uint32_t>;
constexpr size_t kSketchSize = 16;

// request: the "request" object of a RequestKey or of a file.
Sketch sketch_of(const Json& request);

// How many numbers both have.
size_t in_common(const Sketch& a, const Sketch& b);

// The body of a "request" object, whatever its recorder calls it; null when it has none.
const Json& body_of(const Json& request);

}  // namespace recshim::match
