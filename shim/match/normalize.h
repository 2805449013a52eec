// What of a response changes from run to run and says nothing: replaced in the file, as
// llama-stack's recorder does, with the originals kept so that replay can send them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/match/request_key.h"

namespace recshim::match {

struct Normalized {
  Json json;
  // JSON pointer → the value that stood there, in the order of the fields; empty object
  // when nothing changed.
  Json originals = Json::object();
};

// body: one response body or one chunk of a stream, as on the wire.
// hash: the request's; its first 12 digits make the id.
// Members of the root, if present: id → "rec-<hash12>", created → 0,
// created_at → "1970-01-01T00:00:00.000000Z", total_duration, load_duration,
// prompt_eval_duration, eval_duration (unless null) → 0; of OpenAI's embeddings, base64 →
// the numbers it holds, as the SDK gives them. Model objects, whole model lists
// and generic responses stay as they are.
[[nodiscard]] Normalized normalize_response(Json body, Dialect dialect, std::string_view hash);

// The inverse: puts the originals back. A pointer that leads nowhere is passed over.
void restore_originals(Json& body, const Json& originals);

// The ids of a model list as its dialect has it on the wire ({"data": [{"id"}]},
// {"models": [{"model"}]}) or as the recorder files it (a list, wrapped or not), sorted,
// each once.
[[nodiscard]] std::vector<std::string> model_ids(const Json& list);
// The 8 hex digits in "models-<hash>-<digest>.json".
[[nodiscard]] std::string model_digest(const std::vector<std::string>& ids);

}  // namespace recshim::match
