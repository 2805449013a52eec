// Schemas in google-genai's arguments and on the wire, in one form. Pure.
#pragma once

#include "shim/match/python_json.h"

namespace recshim::match {

// What the SDK rewrites in a schema before it is sent, made equal: types are lower case, "$ref" is
// what it names in "$defs", a type "null" is "nullable", a string's "const" an "enum" of one, and
// an order of properties that is theirs anyway is left out.
// schema: folded as in genai_content.cpp (names in lower case, without "_").
[[nodiscard]] Json plain_schema(const Json& schema);

}  // namespace recshim::match
