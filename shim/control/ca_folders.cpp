// See ca_folders.h.
#include "shim/control/ca_folders.h"

#include <algorithm>

namespace recshim::control {

std::vector<std::string> ca_folders(std::string_view value) {
  std::vector<std::string> folders;
  while (!value.empty()) {
    const size_t end = std::min(value.find(':'), value.size());
    std::string_view folder = value.substr(0, end);
    while (folder.size() > 1 && folder.ends_with('/')) folder.remove_suffix(1);
    if (!folder.empty()) folders.emplace_back(folder);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return folders;
}

}  // namespace recshim::control
