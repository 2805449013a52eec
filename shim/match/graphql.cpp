// See graphql.h.
#include "shim/match/graphql.h"

#include <algorithm>

namespace recshim::match {
namespace {

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Length of the string that begins at text[0], or 0 (§2.9.4).
size_t string_length(std::string_view text) {
  constexpr std::string_view kBlock = "\"\"\"";
  if (text.starts_with(kBlock)) {
    for (size_t at = 3; (at = text.find(kBlock, at)) != std::string_view::npos; at += 3) {
      if (text[at - 1] != '\\') return at + 3;
    }
    return 0;
  }
  for (size_t at = 1; at < text.size() && text[at] != '\n' && text[at] != '\r'; ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      return at + 1;
    }
  }
  return 0;
}

// Length of the token that begins at text[0], or 0.
size_t token_length(std::string_view text) {
  constexpr std::string_view kPunctuators = "!$&():=@[]{|}";
  const char c = text.front();
  if (kPunctuators.find(c) != std::string_view::npos) return 1;
  if (text.starts_with("...")) return 3;
  if (c == '"') return string_length(text);
  const auto run = [&](const auto& belongs) {
    size_t at = 1;
    while (at < text.size() && belongs(text[at])) ++at;
    return at;
  };
  if (starts_name(c)) return run([](char n) { return starts_name(n) || is_digit(n); });
  if (is_digit(c) || c == '-') {
    return run([](char n) {
      return is_digit(n) || n == '.' || n == 'e' || n == 'E' || n == '+' || n == '-';
    });
  }
  return 0;
}

}  // namespace

std::optional<std::string> graphql_tokens(std::string_view document) {
  std::string out;
  std::string open;  // the brackets that are to be closed, innermost last
  if (document.starts_with("\xEF\xBB\xBF")) document.remove_prefix(3);
  while (!document.empty()) {
    const char c = document.front();
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
      document.remove_prefix(1);
      continue;
    }
    if (c == '#') {
      document.remove_prefix(std::min(document.find_first_of("\r\n"), document.size()));
      continue;
    }
    const size_t length = token_length(document);
    if (length == 0) return std::nullopt;
    const std::string_view token = document.substr(0, length);
    document.remove_prefix(length);
    if (out.empty() && token != "{" && token != "query" && token != "mutation" &&
        token != "subscription" && token != "fragment") {
      return std::nullopt;
    }
    if (token == "{" || token == "(" || token == "[") {
      open += token == "{" ? '}' : token == "(" ? ')' : ']';
    } else if (token == "}" || token == ")" || token == "]") {
      if (open.empty() || open.back() != token.front()) return std::nullopt;
      open.pop_back();
    }
    if (!out.empty()) out += ' ';
    out += token;
  }
  if (out.empty() || !open.empty() || out.find('{') == std::string::npos) return std::nullopt;
  return out;
}

}  // namespace recshim::match
