// Which style a JSON text is written in, and what styles are called in files; see
// python_json.h.
#include <string>

#include "shim/match/python_json.h"

namespace recshim::match {
namespace {

constexpr int kMaxNamedIndent = 8;

struct Suffix {
  std::string_view name;
  bool JsonStyle::*flag;
};
constexpr Suffix kSuffixes[] = {
    {"+ascii", &JsonStyle::ensure_ascii}, {"+slash", &JsonStyle::escape_slash},
    {"+html", &JsonStyle::escape_html},   {"+shortfloat", &JsonStyle::short_floats},
    {"+newline", &JsonStyle::newline},
};

JsonStyle plain(const char* item_separator, const char* key_separator) {
  JsonStyle style;
  style.ensure_ascii = false;
  style.item_separator = item_separator;
  style.key_separator = key_separator;
  return style;
}

JsonStyle indented(int spaces, bool tabs) {
  JsonStyle style = plain(",", ": ");
  style.indent = spaces;
  style.indent_tabs = tabs;
  return style;
}

// What the text writes as an escape although JSON would allow it plain.
struct Escapes {
  bool beyond_ascii = false;
  bool html = false;            // <, > or &
  bool line_separator = false;  // U+2028 or U+2029, which Go escapes too
  bool slash = false;
};

Escapes escapes_in(std::string_view text) {
  Escapes found;
  for (size_t at = text.find('\\'); at != std::string_view::npos && at + 1 < text.size();
       at = text.find('\\', at + 2)) {
    if (text[at + 1] == '/') found.slash = true;
    if (text[at + 1] != 'u') continue;
    const std::string_view hex = text.substr(at + 2, 4);
    if (hex == "003c" || hex == "003e" || hex == "0026") found.html = true;
    if (hex == "2028" || hex == "2029") found.line_separator = true;
    if (hex >= "007f") found.beyond_ascii = true;
  }
  return found;
}

bool has_raw_beyond_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x7F) return true;
  }
  return false;
}

// The separators as the first ',' and ':' outside strings show them.
JsonStyle separators_in(std::string_view text) {
  bool in_string = false;
  std::optional<bool> space_after_colon;
  std::optional<bool> space_after_comma;
  for (size_t at = 0; at + 1 < text.size() && !(space_after_colon && space_after_comma); ++at) {
    const char c = text[at];
    if (in_string) {
      if (c == '\\') ++at;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == ':' && !space_after_colon) {
      space_after_colon = text[at + 1] == ' ';
    } else if (c == ',' && !space_after_comma) {
      space_after_comma = text[at + 1] == ' ';
    }
  }
  const bool colon = space_after_colon.value_or(space_after_comma.value_or(false));
  const bool comma = space_after_comma.value_or(colon);
  return plain(comma ? ", " : ",", colon ? ": " : ":");
}

JsonStyle layout_in(std::string_view text) {
  if (text.size() < 3 || (text[0] != '{' && text[0] != '[') || text[1] != '\n') {
    return separators_in(text);
  }
  if (text[2] == '\t') return indented(1, true);
  size_t spaces = 0;
  while (2 + spaces < text.size() && text[2 + spaces] == ' ') ++spaces;
  return indented(static_cast<int>(spaces), false);
}

}  // namespace

JsonStyle python_style() {
  return {};
}
JsonStyle compact_style() {
  return plain(",", ":");
}

std::optional<JsonStyle> style_of(std::string_view text, const Json& parsed) {
  JsonStyle style = layout_in(text);
  if (style.indent == 0 || style.indent > kMaxNamedIndent) return std::nullopt;
  if (style.item_separator == ", " && style.key_separator == ":") return std::nullopt;
  const Escapes escapes = escapes_in(text);
  style.escape_slash = escapes.slash;
  const bool raw = has_raw_beyond_ascii(text);
  style.escape_html = escapes.html || (escapes.line_separator && raw);
  style.ensure_ascii = escapes.beyond_ascii && !raw;
  style.newline = !text.empty() && text.back() == '\n';
  if (dump(parsed, style) == text) return style;
  style.short_floats = true;
  if (dump(parsed, style) == text) return style;
  return std::nullopt;
}

std::string style_name(const JsonStyle& style) {
  std::string name;
  if (style.indent >= 0) {
    if (style.item_separator != "," || style.key_separator != ": ") return {};
    if (style.indent_tabs ? style.indent != 1
                          : style.indent < 1 || style.indent > kMaxNamedIndent) {
      return {};
    }
    name = style.indent_tabs ? "tab" : "indent" + std::to_string(style.indent);
  } else if (style.item_separator == "," && style.key_separator == ":") {
    name = "compact";
  } else if (style.item_separator == ", " && style.key_separator == ": ") {
    name = "python";
  } else if (style.item_separator == "," && style.key_separator == ": ") {
    name = "colon";
  } else {
    return {};
  }
  for (const Suffix& suffix : kSuffixes) {
    if (style.*suffix.flag) name += suffix.name;
  }
  return name;
}

std::optional<JsonStyle> style_from_name(std::string_view name) {
  const size_t plus = std::min(name.find('+'), name.size());
  const std::string_view base = name.substr(0, plus);
  name.remove_prefix(plus);
  JsonStyle style;
  if (base == "compact") {
    style = plain(",", ":");
  } else if (base == "python") {
    style = plain(", ", ": ");
  } else if (base == "colon") {
    style = plain(",", ": ");
  } else if (base == "tab") {
    style = indented(1, true);
  } else if (base.size() == 7 && base.substr(0, 6) == "indent" && base[6] >= '1' &&
             base[6] <= '0' + kMaxNamedIndent) {
    style = indented(base[6] - '0', false);
  } else {
    return std::nullopt;
  }
  for (const Suffix& suffix : kSuffixes) {
    if (name.substr(0, suffix.name.size()) != suffix.name) continue;
    style.*suffix.flag = true;
    name.remove_prefix(suffix.name.size());
  }
  if (!name.empty()) return std::nullopt;
  return style;
}

}  // namespace recshim::match
