// The Python classes that llama-stack's recorder names as "__type__" beside a dialect's
// response objects.
#pragma once

#include <string>
#include <string_view>

#include "shim/match/request_key.h"

namespace recshim::match {

// endpoint: as filed ("/v1/chat/completions", "/api/embeddings"). streaming: object is one
// chunk of a stream. object: the response body, chunk, or one entry of a model list.
// Returns an empty text where the SDK has no class (generic, unknown stream events): the
// object is then filed as it is.
[[nodiscard]] std::string sdk_type(Dialect dialect, std::string_view endpoint, bool streaming,
                                   const Json& object);

}  // namespace recshim::match
