// The syntax of single settings, the same in a variable and in recshim.json. Pure: text
// in, value or message out. Messages say what is allowed; the caller puts the name of the
// variable or the JSON path before them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"

namespace recshim::control {

Result<Mode> parse_mode(std::string_view text);
Result<bool> parse_on_miss(std::string_view text);  // true: respond
Result<double> parse_pace(std::string_view text);
Result<store::Layout> parse_layout(std::string_view text);
Result<log::Level> parse_log_level(std::string_view text);
// Letters, digits, '.', '_' and '-', not starting with a dot, at most 64: it names a folder.
Result<std::string> parse_session(std::string_view text);

Result<HostRule> parse_host_rule(std::string_view text);
Result<ConnectTo> parse_connect_to(std::string_view text);

// Items between commas, without the white space around them; empty ones are dropped.
std::vector<std::string> split_list(std::string_view text);

// path made absolute against base, without "." and ".." parts. REQUIRES: base is absolute.
std::string absolute_path(const std::string& base, const std::string& path);

// The candidate most like word, or "" when none is near enough to be what was meant.
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace recshim::control
