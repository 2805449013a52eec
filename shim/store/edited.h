// Recordings that somebody has edited by hand: what response.body says is what is sent, and what
// stands beside it gives way. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shim/http/message.h"
#include "shim/store/json_bytes.h"

namespace recshim::store {

// encoded: the wire body that the file keeps beside response.body. What response.body says, where
// that is not a view of it any more.
std::optional<std::string> text_that_replaces(const Json& file, const std::string& encoded,
                                              const http::ResponseHead& head);

// Makes length, chunks and head of a whole answer agree with its body. edited: the body is not what
// its Content-Encoding has made. True where something had to give way.
// Throws ShapeError where the body can't be sent at all.
bool make_true(http::Exchange& exchange, bool edited);

}  // namespace recshim::store
