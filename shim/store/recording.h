// One recording file: its JSON in llama-stack's shape and back. See recordings/README.md.
// Pure conversion; reads a `.body` only through what the caller hands in.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "shim/base/result.h"
#include "shim/http/message.h"
#include "shim/match/request_key.h"

namespace recshim::store {

// A recording as its file holds it.
struct Recording {
  match::Json json;  // the whole file

  // Parsed and checked: kInvalid with a JSON path when the shape is wrong.
  static Result<Recording> parse(std::string_view text);
  // 2-space indent, fixed key order, trailing newline.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] bool from_recshim() const;  // has the key "recshim"
  [[nodiscard]] int repeat() const;         // 1 without one
  [[nodiscard]] std::string host() const;   // of the request's url
  [[nodiscard]] std::optional<std::string> test_id() const;
  // Why this recording can't be expressed as HTTP (a tool invocation), or nullopt.
  [[nodiscard]] std::optional<std::string> not_http() const;
};

// exchange → file. body_file_name: set when response_body goes to `<name>.body`.
// options: what is redacted. Errors: kIo when a spilled body can't be read.
Result<Recording> to_recording(const http::Exchange& exchange, const match::RequestKey& key,
                               int repeat, const std::optional<std::string>& body_file_name,
                               const match::MatchOptions& options = {});

// file → the response side of an Exchange, byte for byte as it was on the wire where the
// file knows, else rendered for the dialect (llama-stack files: SSE, NDJSON, JSON, exceptions).
// open_body: called with the `.body` name the file gives, and gives the whole file.
// asked: the request to be answered, where known: a llama-stack file of google-genai is
//   rendered as its query asks for (alt=sse or not).
// was_edited: set to whether somebody has edited it by hand, so far as that shows; then
// response.body
//   (or the `.body`) is what is sent, and what else the file says of the body gives way.
// Errors: kInvalid with the JSON path of what is wrong; kUnsupported for what is not HTTP.
Result<http::Exchange> to_exchange(
    const Recording& recording,
    const std::function<Result<Body>(const std::string& name, uint64_t size)>& open_body,
    const http::Exchange* asked = nullptr, bool* was_edited = nullptr);

}  // namespace recshim::store
