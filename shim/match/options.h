// What recshim.json may say about matching and redaction. Plain data, apart from request_key.h so
// that whoever passes settings on need not compile a JSON library.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "shim/base/result.h"

namespace recshim::match {

enum class Dialect { kGeneric, kOpenAi, kOllama };
const char* dialect_name(Dialect dialect);  // "generic", "openai", "ollama"

// What recshim.json may set (its object "match" and "redact"); defaults as in llama-stack.
struct MatchOptions {
  std::vector<std::string> ignore_query;  // names of query parameters left out of keys
  std::vector<std::string> ignore_body;   // JSON pointers left out of keys; "*" matches any
  struct Replacement {
    std::string pattern;      // as in JavaScript (pattern.h)
    std::string replacement;  // may hold $1, $& …
  };
  std::vector<Replacement> normalizers;     // applied to strings of the canonical body
  std::vector<std::string> redact_headers;  // beyond the default ones
  std::vector<std::string> redact_query;    // beyond the default ones
  std::vector<std::string> redact_values;   // literal secrets, replaced wherever they stand
  std::vector<std::string> openai_paths;    // extra path suffixes of the OpenAI dialect
  size_t json_payload_limit_bytes = size_t{16} << 20;
};

// kInvalid when a pattern or pointer in options can't be used. compute_key itself skips
// what is unusable.
Status check_options(const MatchOptions& options);

}  // namespace recshim::match
