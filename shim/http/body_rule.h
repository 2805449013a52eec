// How long a message's body is: RFC 9112 §6.3, and nothing else. Internal to shim/http.
#pragma once

#include "shim/base/result.h"
#include "shim/http/message.h"

namespace recshim::http {

struct BodyRule {
  Framing framing = Framing::kNone;
  uint64_t length_bytes = 0;  // kLength
};

// We listen to programs that have settled their connection between themselves, so where
// the RFC lets a recipient choose between refusing and reading on, these read on: a
// message with both Transfer-Encoding and Content-Length is chunked, equal lengths count
// once. Errors: kInvalid where the end can't be known.
Result<BodyRule> request_body_rule(const RequestHead& head);
// method: of the request answered. Not for 1xx and accepted CONNECTs.
Result<BodyRule> response_body_rule(const ResponseHead& head, std::string_view method);

}  // namespace recshim::http
