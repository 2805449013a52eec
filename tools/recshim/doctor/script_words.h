// Which commands a shell script names, guessed from its text: enough to find a program that
// a wrapper executes and the clients that a test script calls. Not a shell: what only
// running it would show stays unseen.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace recshim::tools {

using Variables = std::function<std::optional<std::string>(const std::string& name)>;

// The words that stand where a command does, variables expanded by what the script itself
// assigns and by environment. Words that keep an unknown variable or a substitution are
// left out. In order, each once.
std::vector<std::string> commands_in_script(const std::string& text, const Variables& environment);

}  // namespace recshim::tools
