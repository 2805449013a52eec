// Texts about the command line itself.
#include "tools/recshim/help.h"

#include <fmt/format.h>

#include "shim/control/names.h"
#include "shim/control/values.h"

namespace recshim::tools {
namespace {

constexpr size_t kWidth = 96;
constexpr size_t kIndent = 23;

// text in lines of at most kWidth, all but the first indented.
std::string wrapped(const std::string& text) {
  std::string out;
  size_t column = kIndent;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(' ', at), text.size());
    if (!out.empty()) {
      const bool fits = column + 1 + (end - at) <= kWidth;
      out += fits ? " " : "\n" + std::string(kIndent, ' ');
      column = fits ? column + 1 : kIndent;
    }
    out += text.substr(at, end - at);
    column += end - at;
    at = end + 1;
  }
  return out;
}

}  // namespace

std::string variables_help() {
  std::string text = "Variables (recshim.json may set most of them; the variable wins):\n";
  for (const control::Variable& variable : control::variables()) {
    text += fmt::format("  {:<20} {}\n{:{}}default: {}\n", variable.name, wrapped(variable.meaning),
                        "", kIndent, variable.default_text);
  }
  return text;
}

std::string unknown_command(const std::string& word, const std::vector<std::string>& commands) {
  const std::string nearest = control::nearest_word(word, commands);
  if (!nearest.empty()) {
    return fmt::format("\"{}\" is not a command; did you mean \"{}\"?", word, nearest);
  }
  return fmt::format(
      "\"{}\" is not a command (see recshim --help); to run a program: recshim run -- {}", word,
      word);
}

}  // namespace recshim::tools
