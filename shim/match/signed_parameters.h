// Parameters of a query or form that a program makes for one request: signatures, and the times
// and nonces that they cover. They are neither filed nor matched. Pure text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace recshim::match {

// Which of the parameters named so belong to a signature that is among them: AWS's (version 4,
// also Google's form of it, and 2), Azure's shared access signatures, OAuth 1.0, Alibaba's.
// names: decoded. Returns: one flag a name.
[[nodiscard]] std::vector<bool> drawn_for_signature(const std::vector<std::string>& names);

// url with the values of those parameters replaced.
[[nodiscard]] std::string without_signature(std::string_view url);

}  // namespace recshim::match
