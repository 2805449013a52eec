// A test's new name for the recordings of its old one, as `rekey --test OLD=NEW` takes it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/base/result.h"

namespace recshim::tools {

class TestRename {
 public:
  // text: "OLD=NEW". One "*" in both stands for any text, the same in each. tests: the ids that
  // recordings have; where text has several "=", as pytest's parameters may, the first one before
  // which a pattern of one of them stands is meant. Errors: kInvalid.
  static Result<TestRename> parse(const std::string& text, const std::vector<std::string>& tests);

  // The new name of a test; nullopt for one that keeps its own.
  [[nodiscard]] std::optional<std::string> operator()(const std::string& test) const;

 private:
  // Before and after the "*"; without one, all is before it.
  struct Pattern {
    std::string before;
    std::string after;
    bool any = false;
  };
  static Pattern pattern_of(const std::string& text);

  Pattern old_;
  Pattern new_;
};

}  // namespace recshim::tools
