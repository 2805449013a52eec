// Base64, RFC 4648 §4, padded. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace recshim {

[[nodiscard]] std::string base64(std::string_view bytes);
// Nullopt for text that is not base64.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace recshim
