// GraphQL documents in which what is insignificant does not matter. Pure text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace recshim::match {

// The document's tokens with a space between them: white space, commas and comments are gone,
// strings stay as they are written.
// Returns: nullopt for what is no executable document (of operations and fragments).
// Source: GraphQL, October 2021, §2.1.
[[nodiscard]] std::optional<std::string> graphql_tokens(std::string_view document);

}  // namespace recshim::match
