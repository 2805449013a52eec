// Which files of a folder are lists of models. Their names hold a digest that only the answer
// tells, so the folder must be listed: once for each change of it, whatever it holds.
#pragma once

#include <string>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/result.h"

namespace recshim::store {

// The names "models-….json" in dir, sorted; none where it is not there.
// cache_dir: where they are kept while the folder's own time does not move; empty: nowhere.
Result<std::vector<std::string>> model_list_names(Env& env, const std::string& cache_dir,
                                                  const std::string& dir);

}  // namespace recshim::store
