// How `recshim` explains itself: the list of variables, and what it says of words it does not know.
#pragma once

#include <string>
#include <vector>

namespace recshim::tools {

// Every variable of the contract with its meaning and default, wrapped.
std::string variables_help();

// For a word that is none of commands: what it is, and what may have been meant.
std::string unknown_command(const std::string& word, const std::vector<std::string>& commands);

}  // namespace recshim::tools
