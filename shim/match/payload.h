// The body of a request on the wire as the JSON value that goes into its key and file.
#pragma once

#include "shim/base/result.h"
#include "shim/http/message.h"
#include "shim/match/request_key.h"

namespace recshim::match {

// kBefore: as recshim read bodies before it knew content codings, XML, lines of JSON, JSON parts
// and the JSON types that aren't named so: what names of files from then are made of.
enum class Reading { kNow, kBefore };

// {} without a body; the parsed JSON; a form as its [name, value] pairs, sorted; XML as {"xml": …}
// (xml.h); lines of JSON as {"lines": […]}; GraphQL as {"graphql": …}; multipart as
// [{"name","filename","type","sha256"}, …] in order, where a part that says to be JSON has "json"
// in place of its digest; else {"sha256": …}, which is also what a body over
// json_payload_limit_bytes and anything malformed becomes. A Content-Encoding is undone first.
// JSON is what says so in its Content-Type, and whatever parses as an object or array but where
// the type says that it is something else (is_opaque() in payload.cpp); in a dialect, whatever
// parses.
// Sensitive form fields, XML elements and attributes, and redact_values are replaced; so is what
// a program draws for a signature (signed_parameters.h).
// Memory: at most one block beyond json_payload_limit_bytes and its parsed form.
// Errors: kIo when a spilled body can't be read.
Result<Json> read_payload(const http::Exchange& request, Dialect dialect,
                          const MatchOptions& options, Reading reading = Reading::kNow);

}  // namespace recshim::match
