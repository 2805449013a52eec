// What interpreters bring besides their own binary: the modules that hold their TLS, and
// programs they start to make requests. Told from the layout of their installation; runs
// nothing.
#pragma once

#include <string>
#include <vector>

#include "tools/recshim/doctor/program_facts.h"

namespace recshim::tools {

// path: the program as it was found, since a virtual environment is told from there.
// Known: Python (also in virtual environments), Ruby, Perl, PHP.
std::vector<LaterModule> modules_of(const std::string& path, const std::string& real_path);

// Programs that the one at path starts for its requests: git's remote helpers.
std::vector<std::string> helpers_of(const std::string& path, const std::string& real_path);

}  // namespace recshim::tools
