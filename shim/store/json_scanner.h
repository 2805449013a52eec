// Finds the values of JSON text without making values of them.
#pragma once

#include <algorithm>
#include <functional>
#include <string_view>

#include "shim/store/json_bytes.h"

namespace recshim::store {

// Walks JSON text value by value. It checks only what it needs to find the ends: a file
// that is broken inside a skipped value is found out when it is used.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  // Calls take(key, value text) for each member of the object here. False when there is
  // none or it never ends. key: as written, without its quotes.
  bool object(const std::function<void(std::string_view, std::string_view)>& take) {
    if (!eat('{')) return false;
    if (eat('}')) return true;
    do {
      space();
      const size_t key_from = at_;
      if (!skip_string()) return false;
      const std::string_view key = text_.substr(key_from + 1, at_ - key_from - 2);
      if (!eat(':')) return false;
      space();
      const size_t from = at_;
      if (!skip_value()) return false;
      take(key, text_.substr(from, at_ - from));
    } while (eat(','));
    return eat('}');
  }

  // Calls take(value text) for each item of the array here. False as above.
  bool array(const std::function<void(std::string_view)>& take) {
    if (!eat('[')) return false;
    if (eat(']')) return true;
    do {
      space();
      const size_t from = at_;
      if (!skip_value()) return false;
      take(text_.substr(from, at_ - from));
    } while (eat(','));
    return eat(']');
  }

 private:
  void space() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }
  bool eat(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool skip_string() {
    if (at_ >= text_.size() || text_[at_] != '"') return false;
    for (++at_;;) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) return false;
      size_t slashes = 0;
      while (text_[quote - 1 - slashes] == '\\') ++slashes;
      at_ = quote + 1;
      if (slashes % 2 == 0) return true;
    }
  }
  bool skip_value() {
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '"') return skip_string();
    if (text_[at_] != '{' && text_[at_] != '[') {
      const size_t end = text_.find_first_of(",]} \t\r\n", at_);
      if (end == at_) return false;
      at_ = std::min(end, text_.size());
      return true;
    }
    size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return false;
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') ++depth;
      if ((c == '}' || c == ']') && --depth == 0) return true;
    }
    return false;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace recshim::store
