// Makes a request body stable before it is hashed, exactly as llama-stack's recorder does,
// and applies the user's own rules. Knows no HTTP.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shim/match/request_key.h"

namespace recshim::match {

// One string of a body, as llama-stack's recorder rewrites it:
//   "score: 0.123"                      → "score: __NORMALIZED__"
//   ", attributes: {…}"                 → removed
//   "document_id: <uuid>"               → "document_id: __NORMALIZED__"
//   "<|<uuid>|>"                        → "<|__NORMALIZED__|>"
//   decimals of 4 or more places        → rounded to 5 places
// text: UTF-8. Digits and white space are Unicode's, as in Python's re.
[[nodiscard]] std::string stable_text(std::string_view text);

// Python's round(value, 5).
[[nodiscard]] double rounded_5(double value);

// The user's rules (MatchOptions::ignore_body, normalizers), compiled once for one key.
class UserRules {
 public:
  explicit UserRules(const MatchOptions& options);
  ~UserRules();
  UserRules(const UserRules&) = delete;
  UserRules& operator=(const UserRules&) = delete;

  void remove_ignored(Json& body) const;
  [[nodiscard]] std::string apply(std::string text) const;

 private:
  struct Compiled;
  const MatchOptions& options_;
  std::unique_ptr<Compiled> compiled_;  // null without normalizers
};

// The body as it is hashed: floats rounded, strings as stable_text and the rules leave
// them, project_id dropped from extra_body and extra_query, ignored pointers removed.
// drop_stream_options: true for Bedrock hosts.
[[nodiscard]] Json canonical_body(const Json& body, bool drop_stream_options,
                                  const UserRules& rules);

}  // namespace recshim::match
