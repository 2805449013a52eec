// A request that was taken whole, as bytes again. Knows no connection.
#pragma once

#include <functional>
#include <string_view>

#include "shim/base/result.h"
#include "shim/http/message.h"

namespace recshim::flow {

// Writes the request side of exchange to sink, framed as its head says (RFC 9112 §6).
// Without "Expect: 100-continue", since the body comes right along (RFC 9110 §10.1.1); all
// else is kept, but for the places of chunk borders.
// sink: takes consecutive pieces; returning false stops. Errors: kIo when a spilled body
// can't be read. REQUIRES: exchange.request_complete.
[[nodiscard]] Status write_request(const http::Exchange& exchange,
                                   const std::function<bool(std::string_view)>& sink);

}  // namespace recshim::flow
