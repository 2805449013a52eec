// A decoded response body as the JSON that stands under response.body, with the note that
// makes the exact text of it again. Pure; knows neither files nor HTTP heads.
#pragma once

#include <string>
#include <string_view>

#include "shim/match/request_key.h"
#include "shim/store/json_bytes.h"

namespace recshim::store {

// What decides how a body is shown.
struct ViewContext {
  match::Dialect dialect = match::Dialect::kGeneric;
  std::string endpoint;      // as filed, "/v1/chat/completions"
  std::string content_type;  // as the response says, may be empty
  int status = 200;
  std::string hash;  // of the request, for normalised ids
  bool model_list = false;
};

struct BodyView {
  Json body;  // response.body
  bool is_streaming = false;
  Json note;                // recshim.body; null for an empty body
  Json originals;           // pointer → value that normalisation replaced; null if none
  Json originals_by_chunk;  // pointer → one value for each chunk that has it; null if none
};

// True when the body is a dialect's JSON or stream, which stays in the JSON file at any size.
bool is_dialect_body(const ViewContext& context);

// text: the body after content decoding. The view always makes exactly text again.
BodyView make_view(std::string_view text, const ViewContext& context);

// The text of a view. Where somebody has edited body by hand, so that the note does not fit, what
// body says is what counts. Throws ShapeError when note and body don't fit each other.
std::string text_of_view(const Json& body, const Json& note, const Json& originals,
                         const Json& originals_by_chunk);

// Whether both say the same; also NaN, which no two values of are equal.
bool says_the_same(const Json& a, const Json& b);

// A body as text where nothing says how it is written.
std::string plain_text(const Json& body);

}  // namespace recshim::store
