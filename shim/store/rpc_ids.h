// JSON-RPC: a recorded answer names the call that it was given to; the one it is replayed to has
// another id. Pure.
#pragma once

#include "shim/http/message.h"
#include "shim/match/python_json.h"

namespace recshim::store {

// Puts the asked calls' ids in the place of the recorded ones, in an answer of JSON or of events
// that hold JSON. All else stays as it is, byte for byte; a compressed body is then sent plain.
// recorded, asked: the "request" objects of both. Nothing happens where they are no JSON-RPC, or
// the ids are the same, or the body is too large or no JSON.
void answer_with_ids(http::Exchange& answer, const match::Json& recorded, const match::Json& asked);

}  // namespace recshim::store
