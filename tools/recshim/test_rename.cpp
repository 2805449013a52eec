// See test_rename.h.
#include "tools/recshim/test_rename.h"

#include <algorithm>

namespace recshim::tools {

TestRename::Pattern TestRename::pattern_of(const std::string& text) {
  const size_t star = text.find('*');
  if (star == std::string::npos) return {text, "", false};
  return {text.substr(0, star), text.substr(star + 1), true};
}

std::optional<std::string> TestRename::operator()(const std::string& test) const {
  if (!old_.any) {
    if (test != old_.before) return std::nullopt;
    return new_.before;
  }
  if (test.size() < old_.before.size() + old_.after.size() || !test.starts_with(old_.before) ||
      !test.ends_with(old_.after)) {
    return std::nullopt;
  }
  const size_t size = test.size() - old_.before.size() - old_.after.size();
  return new_.before + test.substr(old_.before.size(), size) + new_.after;
}

Result<TestRename> TestRename::parse(const std::string& text,
                                     const std::vector<std::string>& tests) {
  std::optional<TestRename> first;
  for (size_t at = text.find('='); at != std::string::npos; at = text.find('=', at + 1)) {
    TestRename rename;
    rename.old_ = pattern_of(text.substr(0, at));
    rename.new_ = pattern_of(text.substr(at + 1));
    const bool usable = at > 0 && at + 1 < text.size() && rename.old_.any == rename.new_.any;
    if (!usable) continue;
    if (std::any_of(tests.begin(), tests.end(),
                    [&](const std::string& test) { return rename(test).has_value(); })) {
      return rename;
    }
    if (!first) first = std::move(rename);
  }
  if (first) return *first;
  return Error{ErrorCode::kInvalid,
               "\"" + text + "\" is not OLD=NEW, with one * in both names or in neither"};
}

}  // namespace recshim::tools
