// Knows the marks by which the APIs' streams say that nothing more will come, so that a
// client which stops reading there has read a whole response. Knows no connection.
#pragma once

#include "shim/http/message.h"

namespace recshim::flow {

// True if the response so far is an event stream that has said its last word:
//   text/event-stream: a last `data: [DONE]` line, or a last whole event of the type
//     response.completed, response.failed, response.incomplete or message_stop;
//   NDJSON: a last line that is an object with "done": true.
// Content-encoded streams are never recognised. Never throws.
// Source: WHATWG HTML §9.2.6 (event streams); the OpenAI, Anthropic and Ollama API references.
bool stream_is_over(const http::ResponseHead& head, const Body& body);

}  // namespace recshim::flow
