// Finds librecshim.so and puts LD_PRELOAD together.
#include "tools/recshim/preload.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "tools/recshim/elf.h"

namespace recshim::tools {
namespace {

constexpr const char* kLibraryName = "librecshim.so";

// The loader splits at spaces and colons alike.
std::vector<std::string> split_preload(const std::string& text) {
  std::vector<std::string> entries;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find_first_of(" :", start), text.size());
    if (end > start) entries.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return entries;
}

}  // namespace

Result<std::string> find_library(const std::string& library_variable,
                                 const std::string& executable_folder) {
  std::vector<std::string> places;
  if (!library_variable.empty()) {
    places.push_back(std::filesystem::absolute(library_variable).string());
  } else {
    for (const char* folder : {".", "../lib/recshim", "../lib", RECSHIM_LIBRARY_FROM_BIN}) {
      const auto path = std::filesystem::path(executable_folder) / folder / kLibraryName;
      places.push_back(path.lexically_normal().string());
    }
  }
  std::string looked;
  for (const std::string& place : places) {
    std::error_code problem;
    if (std::filesystem::exists(place, problem)) {
      if (place.find_first_of(" :") == std::string::npos) return place;
      return Error{ErrorCode::kUnsupported,
                   fmt::format("{}: LD_PRELOAD cannot hold a path with a space or a colon; set "
                               "RECSHIM_LIBRARY to a link without them",
                               place)};
    }
    if (looked.find(place) == std::string::npos) looked += (looked.empty() ? "" : ", ") + place;
  }
  return Error{ErrorCode::kNotFound,
               fmt::format("cannot find {} (looked for {}); set RECSHIM_LIBRARY to where it is",
                           kLibraryName, looked)};
}

std::string compose_preload(const std::string& library, const std::string& sanitizer,
                            const std::string& user_preload) {
  std::vector<std::string> first;
  std::vector<std::string> rest;
  for (const std::string& entry : split_preload(user_preload)) {
    if (is_sanitizer_runtime(entry)) {
      first.push_back(entry);
    } else if (!entry.ends_with(kLibraryName)) {
      rest.push_back(entry);
    }
  }
  if (first.empty() && !sanitizer.empty()) first.push_back(sanitizer);
  first.push_back(library);
  first.insert(first.end(), rest.begin(), rest.end());
  return fmt::format("{}", fmt::join(first, ":"));
}

std::string without_library(const std::string& user_preload) {
  std::vector<std::string> entries = split_preload(user_preload);
  std::erase_if(entries, [](const std::string& entry) { return entry.ends_with(kLibraryName); });
  return fmt::format("{}", fmt::join(entries, ":"));
}

}  // namespace recshim::tools
