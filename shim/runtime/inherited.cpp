// See inherited.h.
#include "shim/runtime/inherited.h"

#include <cstdlib>
#include <cstring>

#include "shim/base/lasting.h"

namespace recshim::runtime {
namespace {

struct Entry {
  std::string name_equals;  // "NAME="
  std::string text;         // "NAME=value"
  bool was_set = false;
  std::string was;  // its value at start
};

std::vector<Entry>& entries() {
  return lasting<[] { return new std::vector<Entry>; }>();
}

const char* value_in(char* const* envp, const char* name_equals, size_t length) {
  for (; *envp != nullptr; ++envp) {
    if (std::strncmp(*envp, name_equals, length) == 0) return *envp + length;
  }
  return nullptr;
}

// The entry whose value should stand in envp in place of what is there, which is what the
// process was started with.
bool is_stale(const Entry& entry, char* const* envp) {
  const char* current = value_in(envp, entry.name_equals.c_str(), entry.name_equals.size());
  if (current == nullptr) return !entry.was_set;
  return entry.was_set && entry.was == current;
}

}  // namespace

void remember_inherited(const std::vector<std::pair<std::string, std::string>>& values) {
  for (const auto& [name, value] : values) {
    Entry entry;
    entry.name_equals = name + "=";
    entry.text = entry.name_equals + value;
    if (const char* was = std::getenv(name.c_str())) {
      entry.was_set = true;
      entry.was = was;
    }
    entries().push_back(std::move(entry));
  }
}

size_t inherited_environment_size(char* const* envp) {
  size_t count = 1;
  if (envp != nullptr) {
    while (envp[count - 1] != nullptr) ++count;
  }
  return count + entries().size();
}

void inherited_environment(char* const* envp, char** out) {
  static char* const kEmpty[] = {nullptr};
  if (envp == nullptr) envp = kEmpty;
  static constexpr char kPreload[] = "LD_PRELOAD=";
  const bool preloaded = value_in(envp, kPreload, sizeof kPreload - 1) != nullptr;
  for (char* const* from = envp; *from != nullptr; ++from) {
    bool replaced = false;
    for (const auto& entry : entries()) {
      replaced = replaced ||
                 (preloaded &&
                  std::strncmp(*from, entry.name_equals.c_str(), entry.name_equals.size()) == 0 &&
                  is_stale(entry, envp));
    }
    if (!replaced) *out++ = *from;
  }
  for (const auto& entry : entries()) {
    if (preloaded && is_stale(entry, envp)) *out++ = const_cast<char*>(entry.text.c_str());
  }
  *out = nullptr;
}

}  // namespace recshim::runtime
