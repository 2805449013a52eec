// Follows DT_NEEDED as ld.so(8) does, without its cache and its hardware folders.
#include "tools/recshim/doctor/library_search.h"

#include <glob.h>

#include <algorithm>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace recshim::tools {
namespace {

namespace fs = std::filesystem;

constexpr int kIncludeDepth = 4;
constexpr size_t kMaxLibraries = 1000;

std::vector<std::string> split(const std::string& text, const char* separators) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find_first_of(separators, start), text.size());
    if (end > start) parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

void read_conf(const std::string& path, int depth, std::vector<std::string>& folders) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string word;
    words >> word;
    if (word == "include" && depth < kIncludeDepth) {
      for (std::string pattern; words >> pattern;) {
        glob_t found{};
        if (glob(pattern.c_str(), 0, nullptr, &found) == 0) {
          for (size_t i = 0; i < found.gl_pathc; ++i) {
            read_conf(found.gl_pathv[i], depth + 1, folders);
          }
        }
        globfree(&found);
      }
    } else if (word.starts_with('/')) {
      folders.push_back(word);
    }
  }
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

bool fits(const std::string& path) {
  const ElfImage image = read_elf_image(path);
  return image.is_elf && !image.is_foreign;
}

bool is_c_library(const std::string& name) {
  for (const char* part : {"libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so",
                           "ld-linux", "libgcc_s.so", "libstdc++.so"}) {
    if (name.starts_with(part)) return true;
  }
  return false;
}

}  // namespace

LibrarySearch::LibrarySearch(const std::string& library_path)
    : first_folders_(split(library_path, ":;")) {
  read_conf("/etc/ld.so.conf", 0, folders_);
  for (const char* folder :
#if defined(__x86_64__)
       {
         "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
#elif defined(__aarch64__)
       {"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
#else
       {
#endif
             "/lib64", "/usr/lib64", "/lib", "/usr/lib"
       }) {
    folders_.emplace_back(folder);
  }
}

std::string LibrarySearch::find(const std::string& name, const std::string& by,
                                const std::string& search_path) const {
  std::error_code ignored;
  if (name.find('/') != std::string::npos) return fs::exists(name, ignored) ? name : "";
  std::vector<std::string> folders = split(search_path, ":");
  const std::string origin = fs::weakly_canonical(by, ignored).parent_path().string();
  for (std::string& folder : folders) {
    replace_all(folder, "$ORIGIN", origin);
    replace_all(folder, "${ORIGIN}", origin);
  }
  folders.insert(folders.end(), first_folders_.begin(), first_folders_.end());
  folders.insert(folders.end(), folders_.begin(), folders_.end());
  for (const std::string& folder : folders) {
    std::string path = folder + "/" + name;
    if (fits(path)) return path;
  }
  return "";
}

std::vector<NeededLibrary> needed_libraries(const std::string& path, const ElfImage& image,
                                            const LibrarySearch& search) {
  struct Waiting {
    std::string path, search_path, by;
    std::vector<std::string> needed;
  };
  std::vector<NeededLibrary> libraries;
  std::set<std::string> seen;
  std::deque<Waiting> queue{{path, image.search_path, "", image.needed}};
  while (!queue.empty() && libraries.size() < kMaxLibraries) {
    const Waiting next = std::move(queue.front());
    queue.pop_front();
    for (const std::string& name : next.needed) {
      if (is_c_library(name) || !seen.insert(name).second) continue;
      NeededLibrary library{name, search.find(name, next.path, next.search_path), next.by};
      if (!library.path.empty()) {
        ElfImage inner = read_elf_image(library.path);
        queue.push_back(
            {library.path, std::move(inner.search_path), name, std::move(inner.needed)});
      }
      libraries.push_back(std::move(library));
    }
  }
  return libraries;
}

}  // namespace recshim::tools
