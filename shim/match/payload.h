// The body of a request on the wire as the JSON value that goes into its key and file.
#pragma once

#include "shim/base/result.h"
#include "shim/http/message.h"
#include "shim/match/request_key.h"

namespace recshim::match {

// {} without a body; the parsed JSON; a form as its [name, value] pairs, sorted; multipart
// as [{"name","filename","type","sha256"}, …] in order; else {"sha256": …}, which is also
// what a JSON or form body over json_payload_limit_bytes and anything malformed becomes.
// JSON is what says so in its Content-Type, and whatever parses as an object or array
// where the type is missing, plain text or curl's default; in a dialect, whatever parses.
// Sensitive form fields and redact_values are replaced.
// Memory: at most one block beyond json_payload_limit_bytes and its parsed form.
// Errors: kIo when a spilled body can't be read.
Result<Json> read_payload(const http::Exchange& request, Dialect dialect,
                          const MatchOptions& options);

}  // namespace recshim::match
