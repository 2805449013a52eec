// llama-stack's recordings hold what an SDK returned, not what the wire carried: this
// writes the HTTP response that makes the SDK return it again. Pure.
#pragma once

#include "shim/http/message.h"
#include "shim/store/json_bytes.h"
#include "shim/store/recording.h"

namespace recshim::store {

// recording: without the key "recshim". asked: the request to be answered, or null.
// Throws ShapeError.
http::Exchange render_llama_stack(const Recording& recording, const http::Exchange* asked);

// One recording of the model lists of several (files models-<hash>-*.json without the key
// "recshim"): every model once, by id. REQUIRES: !parts.empty().
Recording merge_model_lists(const std::vector<Recording>& parts);

}  // namespace recshim::store
