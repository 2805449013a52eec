// Heads of messages as HTTP/2 spells them (RFC 9113 §8.3), to and from the form that they have
// everywhere else. Knows no frames.
#pragma once

#include <optional>

#include "shim/http/message.h"

namespace recshim::http {

// nullopt without the pseudo-header fields that a request must have. :authority becomes the first
// Host header, cookie crumbs become one header (RFC 9113 §8.2.3).
std::optional<RequestHead> http2_request(Headers fields);
// nullopt without a three-digit :status. An interim response is one, too.
std::optional<ResponseHead> http2_response(Headers fields);

// A response's fields: :status, then its headers in lower case, without those that are about an
// HTTP/1.1 connection (RFC 9113 §8.2.2).
Headers http2_fields(const ResponseHead& head);
// A request's, likewise. scheme: "http" or "https".
Headers http2_fields(const RequestHead& head, const std::string& scheme);
// Trailers, likewise.
Headers http2_trailers(const Headers& trailers);

// head as a server of HTTP/1.1 would have sent it, the rest of the response being framed as framing
// says. to_head: the request was HEAD. Unchanged unless it came over HTTP/2.
ResponseHead http1_response(ResponseHead head, Framing framing, bool to_head);

}  // namespace recshim::http
