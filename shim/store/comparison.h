// Whether an exchange that was recorded again says what its recording says, and what of the
// old file to keep where it does not, so that the difference is small. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/store/recording.h"
#include "shim/store/server_ids.h"

namespace recshim::store {

// The ids by which b differs from a, when it says the same as a but for them, normalised
// originals, times, Date and the headers named (lower case); nullopt when it does not.
// known: pairs of before, which these go together with.
std::optional<ServerIds> same_but_for_ids(const Recording& a, const Recording& b,
                                          const std::vector<std::string>& volatile_headers,
                                          const ServerIds& known);
// As above, of two files that nothing else is known of.
bool same_but_for_volatile(const Recording& a, const Recording& b,
                           const std::vector<std::string>& volatile_headers);

// Gives made what of old says nothing but changes as many lines as the answer has chunks: the
// times of arrival, where both came in as many pieces, and the chunks' padding.
void keep_volatile(const Recording& old, Recording& made);

}  // namespace recshim::store
