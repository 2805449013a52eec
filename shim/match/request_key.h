// Which recording a request belongs to: dialect, canonical request and its SHA-256,
// exactly as llama-stack computes them. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/http/message.h"
#include "shim/match/options.h"
#include "shim/match/python_json.h"

namespace recshim::match {

struct RequestKey {
  std::string hash;  // 64 lower-case hex
  Dialect dialect = Dialect::kGeneric;
  std::string canonical;  // the JSON text that was hashed
  std::string method;     // the key's
  std::string path;       // the key's endpoint, or path of the url, without the query
  bool model_list = false;
  Json request;  // the object to stand under "request" in the file, redacted
};

// The dialect of a request by its path (query not looked at).
Dialect dialect_of(std::string_view path, const MatchOptions& options);

// Where a dialect's request differs on the wire from what the recorder saw:
// - OpenAI: endpoint is "/v1" + the path's suffix, url the path's prefix + that. Azure's
//   "/openai/deployments/M/…" loses "/deployments/M" when the body's model is M, as the
//   SDK puts it in after the recorder has looked. Query parameters (api-version, secrets
//   and ignore_query apart) become body.extra_query, through which the SDK takes them.
//   Databricks hosts become "__databricks__". A body that is no JSON is {"sha256": …}.
//   Embeddings: no encoding_format becomes "float", which it means, and "base64", which the
//   SDK asks for by itself, is left out.
// - Ollama: /api/embed is filed as /api/embeddings. Of chat, generate and pull, no "stream"
//   becomes true, which it means, and false, the client's default, is left out, like its
//   empty "tools" and its "insecure" false.
// No header takes part in it. Other keys: asking_headers.h, payload.h.
//
// request: only its request side and origin are read. test_id: JSON null when empty.
// body_unseen: key for an early response whose request body was not (all) sent: as if
//   the request had no body.
// Errors: kIo when a spilled body can't be read. A body that claims to be JSON and is
//   not is keyed by its sha256, no error.
Result<RequestKey> compute_key(const http::Exchange& request,
                               const std::optional<std::string>& test_id,
                               const MatchOptions& options, bool body_unseen = false);

// The hash that the rules above give for the "request" object of a file, its url and body
// taken as they stand; nullopt when it is not an HTTP request (a tool invocation). The
// name of a file from llama-stack is this hash.
std::optional<std::string> hash_of_recorded(const Json& request,
                                            const std::optional<std::string>& test_id,
                                            const MatchOptions& options);

// SHA-256 over method, path, canonical body and test id in a form that a request on the
// wire and a file written from the SDK's arguments share: members of extra_body stand in
// the root, arguments that are not sent (timeout, extra_headers) and defaults that are
// (encoding_format base64, empty Ollama fields) are left out, project_id likewise, and
// Ollama's "stream" is always spelled out. A google-genai file: its arguments in the API's
// terms. Generic requests: their hash.
std::optional<std::string> content_hash(const Json& request,
                                        const std::optional<std::string>& test_id,
                                        const MatchOptions& options);

// The content_hash() of a file that llama-stack's recorder wrote above HTTP for a request
// that went over the wire as this one: google-genai's generate_content and its stream.
// Nullopt for every other request.
// request: the "request" object of a generic RequestKey.
std::optional<std::string> sdk_content_hash(const Json& request,
                                            const std::optional<std::string>& test_id,
                                            const MatchOptions& options);

}  // namespace recshim::match
