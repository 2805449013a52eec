// The answer to a request that no recording answers. Knows no lookup: what was looked for
// and why it failed comes as text.
#pragma once

#include <string>
#include <string_view>

#include "shim/http/message.h"

namespace recshim::flow {

// The response: 424 (RFC 4918 §11.4) with an error object of OpenAI's shape, which the
// SDKs show to their users, and headers that name the key and stop the SDKs' retries.
http::Exchange miss_response(std::string_view key, std::string_view diagnosis);
// The same to a gRPC call: FAILED_PRECONDITION, with the diagnosis as its message.
http::Exchange grpc_miss_response(std::string_view key, std::string_view diagnosis);
// The former's bytes over HTTP/1.1. head_only: the request was HEAD. closes: the client asked for
// the connection's end.
std::string render_miss(std::string_view key, std::string_view diagnosis, bool head_only,
                        bool closes);

}  // namespace recshim::flow
