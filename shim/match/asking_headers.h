// Which headers of a request say what is asked for, and what each says. Pure text.
#pragma once

#include <string>
#include <string_view>

#include "shim/http/message.h"
#include "shim/match/python_json.h"
#include "shim/match/request_key.h"

namespace recshim::match {

// The headers that select what is asked, so that another value is another request: which part
// (Range, Content-Range, Upload-Offset, If-Range), on what condition (If-Match, If-None-Match,
// If-Modified-Since, If-Unmodified-Since), which action (SOAPAction, X-Amz-Target, X-HTTP-Method,
// X-HTTP-Method-Override, X-Method-Override), on what (Depth, Destination, Dropbox-API-Arg, the
// sources of copies).
// headers: as they are filed, secrets replaced.
// Returns: an object, lower-case name to value, where a name comes again its values with ", "
// between; empty without any.
[[nodiscard]] Json selecting_headers(const http::Headers& headers);

// The headers by which a request says which form of an answer it would like (Accept,
// Accept-Charset, Accept-Encoding, Accept-Language, Content-Type, Prefer): in no key, but where
// one key has several recordings they tell which one is meant. Members as above.
[[nodiscard]] Json wishing_headers(const http::Headers& headers);

}  // namespace recshim::match
