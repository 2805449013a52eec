// Fast reading of recording files for the index. See summary.h.
#include "shim/store/summary.h"

#include <algorithm>
#include <functional>

#include "shim/match/url.h"
#include "shim/store/json_bytes.h"
#include "shim/store/recording.h"

namespace recshim::store {
namespace {

// Walks JSON text value by value. It checks only what it needs to find the ends: a file
// that is broken inside a skipped value is found out when it is used.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

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

}  // namespace

std::optional<Json> request_in(std::string_view text) {
  std::optional<Json> out;
  Scanner(text).object([&](std::string_view key, std::string_view value) {
    if (key == "request") out = parse_json(value);
  });
  if (out && !out->is_object()) out.reset();
  return out;
}

std::optional<Summary> summarise(std::string_view text, const match::MatchOptions& options) {
  Recording head;
  head.json = Json::object();
  head.json["response"] = Json::object();
  bool whole = true;
  bool early = false;
  std::string phase;
  const auto put = [&](Json& into, std::string_view key, std::string_view value) {
    auto parsed = parse_json(value);
    if (parsed) {
      into[std::string(key)] = std::move(*parsed);
    } else {
      whole = false;
    }
  };
  const bool scanned = Scanner(text).object([&](std::string_view key, std::string_view value) {
    if (key == "test_id" || key == "request") put(head.json, key, value);
    if (key != "recshim") return;
    Json own = Json::object();
    Scanner(value).object([&](std::string_view inner, std::string_view part) {
      if (inner == "origin" || inner == "repeat" || inner == "phase" || inner == "version") {
        put(own, inner, part);
      }
      if (inner == "request") {
        Scanner(part).object([&](std::string_view name, std::string_view flag) {
          if (name == "complete" && flag == "false") early = true;
        });
      }
    });
    head.json["recshim"] = std::move(own);
  });
  if (!scanned || !whole || early || !head.json.contains("request")) return std::nullopt;
  const Json& request = head.json["request"];
  if (!request.is_object() || !request.contains("url") || !request["url"].is_string()) {
    return std::nullopt;
  }
  Summary out;
  out.from_recshim = head.from_recshim();
  const auto content = match::content_hash(request, std::nullopt, options);
  if (!content) return std::nullopt;
  out.content = *content;
  out.test_id = head.test_id();
  out.repeat = head.repeat();
  out.host = head.host();
  if (out.from_recshim) {
    const Json& own = head.json["recshim"];
    if (own.contains("phase") && own["phase"].is_string()) out.phase = own["phase"];
  }
  if (request.contains("method") && request["method"].is_string()) out.method = request["method"];
  out.path = std::string(match::split_url(request["url"].get_ref<const std::string&>()).path);
  out.sketch = match::sketch_of(request);
  return out;
}

}  // namespace recshim::store
