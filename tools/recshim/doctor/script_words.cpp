// A word splitter that knows quotes, comments, assignments and what separates commands.
#include "tools/recshim/doctor/script_words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <string_view>

namespace recshim::tools {
namespace {

constexpr size_t kMaxCommands = 200;

bool is_name_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// After these words the next one is a command too.
bool goes_on(const std::string& word) {
  static constexpr std::array kWords = {
      "if",   "then",    "else", "elif", "do",      "while", "until", "!",       "{",      "exec",
      "time", "command", "eval", "env",  "builtin", "nohup", "nice",  "timeout", "setsid", "sudo"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

class Scanner {
 public:
  Scanner(const std::string& text, const Variables& environment)
      : text_(text), environment_(environment) {}

  std::vector<std::string> run() {
    while (at_ < text_.size() && commands_.size() < kMaxCommands) step();
    return std::move(commands_);
  }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '\\' && next() == '\n') {
      at_ += 2;
    } else if (c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == ')' || c == '`') {
      expects_command_ = true;
      ++at_;
    } else if (c == ' ' || c == '\t') {
      ++at_;
    } else if (c == '#') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '<' || c == '>') {
      skip_redirection();
    } else {
      take(word());
    }
  }
  [[nodiscard]] char next(size_t ahead = 1) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  void skip_redirection() {
    while (at_ < text_.size() && (text_[at_] == '<' || text_[at_] == '>' || text_[at_] == '&'))
      ++at_;
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    if (at_ < text_.size() && text_[at_] != '\n') (void)word();
  }

  // The word at at_, quotes taken off and variables expanded; nothing when it can't be known.
  std::optional<std::string> word() {
    std::string out;
    bool known = true;
    const size_t start = at_;
    char quote = '\0';
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (quote == '\'') {
        if (c == '\'')
          quote = '\0';
        else
          out += c;
      } else if (c == '\\' && at_ + 1 < text_.size()) {
        if (text_[++at_] != '\n') out += text_[at_];
      } else if (c == '"') {
        quote = quote == '"' ? '\0' : '"';
      } else if (c == '\'' && quote == '\0') {
        quote = '\'';
      } else if (c == '$' && next() == '(') {
        // Its commands are met when scanning goes on inside.
        known = false;
        ++at_;
        expects_command_ = true;
        break;
      } else if (c == '`') {
        known = false;
        break;
      } else if (c == '$') {
        known = expand(out) && known;
      } else if (quote == '\0' && std::string_view(" \t\n;|&()<>").find(c) != std::string::npos) {
        break;
      } else {
        out += c;
      }
    }
    if (at_ == start) ++at_;  // never stand still
    return known ? std::optional(out) : std::nullopt;
  }

  // The variable at `$`; at_ is left on its last character.
  bool expand(std::string& out) {
    const bool braces = next() == '{';
    size_t from = at_ + (braces ? 2 : 1);
    size_t to = from;
    while (to < text_.size() && is_name_char(text_[to])) ++to;
    const std::string name = text_.substr(from, to - from);
    std::string fallback;
    bool has_fallback = false;
    if (braces) {
      const size_t end = text_.find('}', to);
      if (end == std::string::npos) return false;
      const std::string rest = text_.substr(to, end - to);
      has_fallback = rest.starts_with(":-") || rest.starts_with(":=");
      if (has_fallback) fallback = rest.substr(2);
      at_ = end;
      if (!rest.empty() && !has_fallback) return false;
    } else {
      at_ = name.empty() ? at_ + 1 : to - 1;
    }
    if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
    const auto own = assigned_.find(name);
    std::optional<std::string> value = own != assigned_.end() ? own->second : environment_(name);
    if (!value && has_fallback && fallback.find('$') == std::string::npos) value = fallback;
    if (!value) return false;
    out += *value;
    return true;
  }

  void take(const std::optional<std::string>& word) {
    if (!expects_command_) return;
    if (!word) {
      // A substitution broke off the word: what follows is the inner command.
      if (at_ < text_.size() && text_[at_] != '(' && text_[at_] != '`') expects_command_ = false;
      return;
    }
    const size_t equals = word->find('=');
    const bool assigns =
        equals != std::string::npos && equals != 0 &&
        std::all_of(word->begin(), word->begin() + static_cast<std::ptrdiff_t>(equals),
                    is_name_char);
    if (assigns) {
      // The first one counts: later ones are often for other systems.
      assigned_.emplace(word->substr(0, equals), word->substr(equals + 1));
      return;
    }
    if (*word == "export" || *word == "local" || *word == "readonly" || goes_on(*word)) return;
    // An option of exec or env, timeout's seconds.
    if (word->starts_with('-') || std::isdigit(static_cast<unsigned char>((*word + "x")[0])) != 0) {
      return;
    }
    expects_command_ = false;
    if (!word->empty() && std::find(commands_.begin(), commands_.end(), *word) == commands_.end()) {
      commands_.push_back(*word);
    }
  }

  const std::string& text_;
  const Variables& environment_;
  size_t at_ = 0;
  bool expects_command_ = true;
  std::map<std::string, std::string> assigned_;
  std::vector<std::string> commands_;
};

}  // namespace

std::vector<std::string> commands_in_script(const std::string& text, const Variables& environment) {
  return Scanner(text, environment).run();
}

}  // namespace recshim::tools
