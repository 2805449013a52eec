// `recshim library`: where the library is, for LD_PRELOAD without `recshim run`.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "shim/control/names.h"
#include "tools/recshim/command.h"
#include "tools/recshim/preload.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

int library() {
  std::error_code ignored;
  const auto executable = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const char* const variable = std::getenv(control::kLibraryVariable);
  const Result<std::string> found =
      find_library(variable == nullptr ? "" : variable, executable.parent_path());
  if (!found) {
    complain(found.error().message);
    return kProblem;
  }
  fmt::print("{}\n", *found);
  return kOk;
}

}  // namespace

Action declare_library(Arguments&) {
  return [](const auto&) { return library(); };
}

}  // namespace recshim::tools
