// What a recording was asked by, beyond its key: its request as the rules in force see it, and
// whether it is the answer to a request under the same name. Pure.
#pragma once

#include "shim/match/request_key.h"
#include "shim/store/recording.h"

namespace recshim::store {

// The "request" object as it would be filed under options: the headers that belong to the key are
// read from those that were sent, which files from before hold as well.
[[nodiscard]] match::Json request_under(const Recording& recording,
                                        const match::MatchOptions& options);

// False where a recording with key's name was asked by other headers of the key: it was made
// before they were part of it.
[[nodiscard]] bool asks_the_same(const Recording& recording, const match::RequestKey& key,
                                 const match::MatchOptions& options);

// The headers that say which form of an answer is wished for, as an object; empty for a dialect,
// and for a file that does not hold what was sent.
[[nodiscard]] match::Json wishes_of(const http::Exchange& request, const match::RequestKey& key);
[[nodiscard]] match::Json wishes_of(const Recording& recording);
// How many of the asked wishes were the recorded ones, less those that only one side has.
[[nodiscard]] int agreement(const match::Json& recorded, const match::Json& asked);

}  // namespace recshim::store
