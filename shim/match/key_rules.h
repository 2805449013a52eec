// The parts of a key that requests on the wire and requests read from files share.
// Internal to shim/match.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "shim/match/canonical.h"
#include "shim/match/request_key.h"

namespace recshim::match {

// Model lists are shared by all tests: their key has no test_id. The recorder's exact list.
bool leaves_test_id_out(std::string_view endpoint);

bool is_bedrock(std::string_view authority);

// The JSON text that is hashed.
// body: as read; made canonical here. endpoint: path of the url.
std::string dialect_key_text(std::string_view method, std::string_view endpoint, const Json& body,
                             bool drop_stream_options, const std::optional<std::string>& test_id,
                             const UserRules& rules);
// headers: selecting_headers(); in the text only where there are any.
std::string generic_key_text(std::string_view method, std::string_view url, const Json& payload,
                             const Json& headers, const std::optional<std::string>& test_id,
                             const MatchOptions& options, const UserRules& rules);

// JSON string, or null without a test.
Json test_id_json(const std::optional<std::string>& test_id);

}  // namespace recshim::match
