// See xml.h.
#include "shim/match/xml.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

constexpr std::string_view kXmlNamespace = "http://www.w3.org/XML/1998/namespace";
constexpr std::string_view kInstanceType = "{http://www.w3.org/2001/XMLSchema-instance}type";
// Each element has a copy of those in scope.
constexpr size_t kMaxPrefixes = 64;
constexpr std::string_view kSpace = " \t\r\n";

// NameStartChar and NameChar (XML 1.0 §2.3), those beyond ASCII taken as they come; ':' parts a
// prefix and is not among them.
bool starts_name(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || byte >= 0x80;
}
bool in_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

// Char (§2.2).
bool is_char(uint32_t c) {
  return c == 0x9 || c == 0xA || c == 0xD || (c >= 0x20 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD) || (c >= 0x10000 && c <= 0x10FFFF);
}

struct Name {
  std::string_view prefix;
  std::string_view local;
  bool operator==(const Name&) const = default;
};

using Scope = std::map<std::string, std::string, std::less<>>;  // prefix → namespace

struct Attribute {
  Name name;
  std::string value;
};

// An element while its content is read.
struct Open {
  Name name;
  Json value = Json::array();
  Scope scope;
  bool keeps_space = false;  // xml:space="preserve"
  bool has_text = false;     // other than white space
  bool has_elements = false;
  std::vector<size_t> blank;  // where in value texts of white space stand
};

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Json> document() {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
    if (rest().starts_with("<?xml") && at_ + 5 < text_.size() && is_space(text_[at_ + 5])) {
      if (!declaration()) return std::nullopt;
    }
    while (at_ < text_.size()) {
      if (!step()) return std::nullopt;
    }
    if (!open_.empty() || !root_) return std::nullopt;
    keep_used_prefixes();
    return std::move(root_);
  }

 private:
  [[nodiscard]] std::string_view rest() const { return text_.substr(at_); }
  static bool is_space(char c) { return kSpace.find(c) != std::string_view::npos; }
  bool space() {
    const size_t from = at_;
    at_ = std::min(text_.find_first_not_of(kSpace, at_), text_.size());
    return at_ != from;
  }
  bool eat(std::string_view what) {
    if (!rest().starts_with(what)) return false;
    at_ += what.size();
    return true;
  }
  // What stands before end, which is passed over.
  std::optional<std::string_view> until(std::string_view end) {
    const size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return std::nullopt;
    const std::string_view out = text_.substr(at_, found - at_);
    at_ = found + end.size();
    return out;
  }

  // XMLDecl (§2.8).
  bool declaration() {
    const auto inside = until("?>");
    if (!inside) return false;
    const std::string_view text = *inside;
    const size_t at = text.find("encoding");
    if (at == std::string_view::npos) return true;
    const size_t quote = text.find_first_of("'\"", at);
    if (quote == std::string_view::npos) return false;
    const size_t end = text.find(text[quote], quote + 1);
    if (end == std::string_view::npos) return false;
    std::string name(text.substr(quote + 1, end - quote - 1));
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return name == "utf-8" || name == "us-ascii";
  }

  bool step() {
    if (eat("<!--")) {
      const auto inside = until("--");
      return inside && eat(">") && valid(*inside);
    }
    if (eat("<![CDATA[")) {
      const auto inside = until("]]>");
      return inside && !open_.empty() && characters(std::string(*inside), false);
    }
    if (rest().starts_with("<?")) return instruction();
    if (rest().starts_with("</")) return end_tag();
    if (rest().starts_with("<!")) return false;
    if (rest().starts_with("<")) return start_tag();
    const size_t end = std::min(text_.find('<', at_), text_.size());
    const std::string_view piece = text_.substr(at_, end - at_);
    at_ = end;
    if (open_.empty()) return piece.find_first_not_of(kSpace) == std::string_view::npos;
    if (piece.find("]]>") != std::string_view::npos) return false;
    auto text = resolved(piece, false);
    return text && characters(std::move(*text), piece.find_first_not_of(kSpace) == piece.npos);
  }

  static bool valid(std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = code_point_at(text, at);
      if (!point.valid || !is_char(point.value)) return false;
      at += point.size;
    }
    return true;
  }

  std::optional<Name> name() {
    const auto part = [&]() -> std::string_view {
      if (at_ >= text_.size() || !starts_name(text_[at_])) return {};
      const size_t from = at_;
      while (at_ < text_.size() && in_name(text_[at_])) ++at_;
      return text_.substr(from, at_ - from);
    };
    Name out;
    out.local = part();
    if (out.local.empty()) return std::nullopt;
    if (eat(":")) {
      out.prefix = out.local;
      out.local = part();
      if (out.local.empty()) return std::nullopt;
    }
    return out;
  }

  // References and line ends replaced (§2.11, §3.3.3, §4.1).
  static std::optional<std::string> resolved(std::string_view text, bool attribute) {
    if (!valid(text)) return std::nullopt;
    std::string out;
    for (size_t at = 0; at < text.size(); ++at) {
      const char c = text[at];
      if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') continue;
      if (c == '<') return std::nullopt;
      if (c != '&') {
        out += is_space(c) && attribute ? ' ' : c == '\r' ? '\n' : c;
        continue;
      }
      const size_t end = text.find(';', at);
      if (end == std::string_view::npos || !reference(text.substr(at + 1, end - at - 1), out)) {
        return std::nullopt;
      }
      at = end;
    }
    return out;
  }

  static bool reference(std::string_view name, std::string& out) {
    constexpr std::pair<std::string_view, char> kEntities[] = {
        {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"apos", '\''}, {"quot", '"'}};
    for (const auto& [entity, c] : kEntities) {
      if (name != entity) continue;
      out += c;
      return true;
    }
    if (!name.starts_with('#')) return false;
    name.remove_prefix(1);
    const bool hex = name.starts_with('x');
    if (hex) name.remove_prefix(1);
    if (name.empty() || name.size() > 8) return false;
    uint32_t value = 0;
    for (const char c : name) {
      const int digit = c >= '0' && c <= '9'          ? c - '0'
                        : hex && c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : hex && c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                      : -1;
      if (digit < 0) return false;
      value = value * (hex ? 16 : 10) + static_cast<uint32_t>(digit);
      if (value > 0x10FFFF) return false;
    }
    if (!is_char(value)) return false;
    append_utf8(out, value);
    return true;
  }

  // blank: white space that was not spelled by references.
  bool characters(std::string text, bool blank) {
    if (!valid(text)) return false;
    Open& open = open_.back();
    open.has_text = open.has_text || !blank;
    note_prefixes(text);
    Json& last = open.value.back();
    if (open.value.size() > 2 && last.is_string()) {
      const bool was_blank = !open.blank.empty() && open.blank.back() == open.value.size() - 1;
      if (was_blank && !blank) open.blank.pop_back();
      last.get_ref<std::string&>() += text;
      return true;
    }
    if (blank) open.blank.push_back(open.value.size());
    open.value.push_back(std::move(text));
    return true;
  }

  // PI (§2.6).
  bool instruction() {
    at_ += 2;
    const auto target = name();
    const auto data = target ? until("?>") : std::nullopt;
    if (!data || !valid(*data) || (!data->empty() && !is_space(data->front()))) return false;
    if (open_.empty()) return true;
    open_.back().value.push_back(Json::array({"?" + std::string(target->local), *data}));
    return true;
  }

  bool start_tag() {
    ++at_;
    if (open_.empty() && root_) return false;
    if (open_.size() >= kMaxXmlDepth) return false;
    Open open;
    const auto element = name();
    if (!element) return false;
    open.name = *element;
    if (!open_.empty()) {
      open.scope = open_.back().scope;
      open.keeps_space = open_.back().keeps_space;
    }
    std::vector<Attribute> attributes;
    while (true) {
      const bool spaced = space();
      if (rest().starts_with('>') || rest().starts_with("/>")) break;
      auto attribute = spaced ? one_attribute() : std::nullopt;
      if (!attribute) return false;
      attributes.push_back(std::move(*attribute));
    }
    if (!declare(attributes, open)) return false;
    const auto full = expanded(open.name, open.scope, true);
    if (!full) return false;
    open.value.push_back(*full);
    Json members = Json::object();
    if (!fill(attributes, open, members)) return false;
    open.value.push_back(std::move(members));
    open_.push_back(std::move(open));
    if (eat("/>")) return close();
    return eat(">");
  }

  std::optional<Attribute> one_attribute() {
    const auto attribute = name();
    if (!attribute) return std::nullopt;
    space();
    if (!eat("=")) return std::nullopt;
    space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '"' && quote != '\'') return std::nullopt;
    ++at_;
    const auto raw = until(std::string_view(&quote, 1));
    auto value = raw ? resolved(*raw, true) : std::nullopt;
    if (!value) return std::nullopt;
    return Attribute{*attribute, std::move(*value)};
  }

  // The declarations among attributes (Namespaces §3).
  static bool declare(const std::vector<Attribute>& attributes, Open& open) {
    std::vector<Name> seen;
    for (const Attribute& attribute : attributes) {
      if (std::find(seen.begin(), seen.end(), attribute.name) != seen.end()) return false;
      seen.push_back(attribute.name);
      if (attribute.name == Name{"", "xmlns"}) {
        open.scope[""] = attribute.value;
      } else if (attribute.name.prefix == "xmlns") {
        if (attribute.value.empty() || attribute.name.local.starts_with("xml")) return false;
        open.scope[std::string(attribute.name.local)] = attribute.value;
      }
    }
    return open.scope.size() <= kMaxPrefixes;
  }

  bool fill(const std::vector<Attribute>& attributes, Open& open, Json& members) {
    std::map<std::string, std::string> sorted;
    for (const Attribute& attribute : attributes) {
      if (attribute.name == Name{"", "xmlns"} || attribute.name.prefix == "xmlns") continue;
      const auto full = expanded(attribute.name, open.scope, false);
      if (!full || sorted.contains(*full)) return false;
      if (attribute.name == Name{"xml", "space"}) {
        open.keeps_space = attribute.value == "preserve";
      }
      if (*full == kInstanceType) uses_types_ = true;
      note_prefixes(attribute.value);
      sorted.emplace(*full, attribute.value);
    }
    for (auto& [name, value] : sorted) members[name] = std::move(value);
    for (const auto& [prefix, uri] : open.scope) {
      const bool is_new = open_.empty() || !open_.back().scope.contains(prefix) ||
                          open_.back().scope.find(prefix)->second != uri;
      if (is_new) members["xmlns:" + prefix] = uri;
    }
    return true;
  }

  static std::optional<std::string> expanded(const Name& name, const Scope& scope, bool element) {
    std::string uri;
    if (name.prefix == "xml") {
      uri = kXmlNamespace;
    } else if (!name.prefix.empty() || element) {
      const auto found = scope.find(name.prefix);
      if (found == scope.end() && !name.prefix.empty()) return std::nullopt;
      if (found != scope.end()) uri = found->second;
    }
    const std::string local(name.local);
    return uri.empty() ? local : "{" + uri + "}" + local;
  }

  bool end_tag() {
    at_ += 2;
    const auto closed = name();
    space();
    return closed && eat(">") && !open_.empty() && open_.back().name == *closed && close();
  }

  bool close() {
    Open open = std::move(open_.back());
    open_.pop_back();
    if (open.has_elements && !open.has_text && !open.keeps_space) {
      for (auto it = open.blank.rbegin(); it != open.blank.rend(); ++it) open.value.erase(*it);
    }
    if (open_.empty()) {
      root_ = std::move(open.value);
      return true;
    }
    open_.back().has_elements = true;
    open_.back().value.push_back(std::move(open.value));
    return true;
  }

  // "xs" of "xs:string", wherever it stands: it may be a name whose meaning the prefix decides.
  void note_prefixes(std::string_view text) {
    for (size_t colon = text.find(':'); colon != std::string_view::npos;
         colon = text.find(':', colon + 1)) {
      size_t from = colon;
      while (from > 0 && in_name(text[from - 1])) --from;
      while (from < colon && !starts_name(text[from])) ++from;
      if (from < colon) used_.emplace(text.substr(from, colon - from), true);
    }
  }

  // Without recursion: how deep a stack goes is the caller's affair.
  void keep_used_prefixes() {
    std::vector<Json*> waiting = {&*root_};
    while (!waiting.empty()) {
      Json& element = *waiting.back();
      waiting.pop_back();
      Json kept = Json::object();
      for (auto& [name, value] : element[1].items()) {
        const std::string_view view = name;
        const bool declares = view.starts_with("xmlns:");
        const std::string_view prefix = declares ? view.substr(6) : std::string_view();
        if (!declares || (prefix.empty() ? uses_types_ : used_.contains(prefix))) {
          kept[name] = std::move(value);
        }
      }
      if (kept.empty()) {
        element.erase(1);
      } else {
        element[1] = std::move(kept);
      }
      for (Json& child : element) {
        if (child.is_array() && child.size() > 1 && child[1].is_object()) waiting.push_back(&child);
      }
    }
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<Open> open_;
  std::optional<Json> root_;
  std::map<std::string, bool, std::less<>> used_;  // prefixes
  bool uses_types_ = false;                        // xsi:type
};

}  // namespace

std::optional<Json> parse_xml(std::string_view text) {
  return Reader(text).document();
}

}  // namespace recshim::match
