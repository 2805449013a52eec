// Names that recshim gave before it knew as much of requests as now.
#pragma once

#include <optional>
#include <string>

#include "shim/base/result.h"
#include "shim/http/message.h"
#include "shim/match/options.h"

namespace recshim::match {

// The hash that recshim gave the request before headers were in keys and bodies were read as
// Reading::kNow reads them (payload.h): the name of recordings from then. Equal to compute_key()'s
// for most requests. Errors: as there.
Result<std::string> hash_before(const http::Exchange& request,
                                const std::optional<std::string>& test_id,
                                const MatchOptions& options);

}  // namespace recshim::match
