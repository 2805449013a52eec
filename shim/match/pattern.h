// Regular expressions of the user's settings, by PCRE2. Bounded: no pattern and no text exhausts
// the host's stack or its time, and nothing takes a lock.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shim/base/result.h"

namespace recshim::match {

class Pattern {
 public:
  // expression: as in JavaScript, in bytes. kInvalid with the reason for one that is wrong, too
  // long (about 64 KB) or nested too deeply (50 levels).
  static Result<Pattern> compile(const std::string& expression);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) = delete;

  // text with every match replaced. replacement: as in JavaScript, with $1, $&, $`, $' and $$.
  // kTooLarge when it would take more than about a second or 128 MB.
  [[nodiscard]] Result<std::string> replace(std::string_view text,
                                            std::string_view replacement) const;

 private:
  struct Compiled;
  explicit Pattern(std::unique_ptr<Compiled> compiled);

  std::unique_ptr<Compiled> compiled_;
};

}  // namespace recshim::match
