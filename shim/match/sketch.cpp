// See sketch.h.
#include "shim/match/sketch.h"

#include <algorithm>
#include <string_view>

#include "shim/base/lasting.h"
#include "shim/match/python_json.h"
#include "shim/match/url.h"

namespace recshim::match {
namespace {

// Of each text, so that a long one does not outvote the others.
constexpr size_t kWordsOfText = 6;
constexpr size_t kMaxWords = 1000;

// FNV-1a, its two halves mixed.
class Hash {
 public:
  Hash& add(std::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    value_ = (value_ ^ 0xff) * 0x100000001b3;  // where one part ends
    return *this;
  }
  [[nodiscard]] uint32_t value() const { return static_cast<uint32_t>(value_ ^ value_ >> 32); }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

void keep_smallest(std::vector<uint32_t>& numbers, size_t count) {
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  numbers.resize(std::min(numbers.size(), count));
}

void add_words(std::string_view text, std::string_view place, Sketch& out) {
  Sketch words;
  for (size_t at = 0, count = 0; at < text.size() && count < kMaxWords; ++count) {
    const size_t end = std::min(text.find_first_of(" \t\r\n.,;:!?\"'()", at), text.size());
    if (end > at) words.push_back(Hash().add(place).add(text.substr(at, end - at)).value());
    at = end + 1;
  }
  keep_smallest(words, kWordsOfText);
  out.insert(out.end(), words.begin(), words.end());
}

// place: the names on the way to value. An array's elements are in one place, whatever their order.
void add_values(const Json& value, const std::string& place, Sketch& out) {
  if (value.is_structured()) {
    for (auto it = value.begin(); it != value.end(); ++it) {
      add_values(*it, place + "/" + (value.is_object() ? it.key() : "*"), out);
    }
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    out.push_back(Hash().add(place).add(text).value());
    if (text.find(' ') != std::string::npos) add_words(text, place, out);
  } else {
    out.push_back(Hash().add(place).add(dump(value, compact_style())).value());
  }
}

}  // namespace

const Json& body_of(const Json& request) {
  const Json& none = lasting<[] { return new const Json; }>();
  for (const char* name : {"body", "payload"}) {
    const auto it = request.find(name);
    if (it != request.end()) return *it;
  }
  return none;
}

Sketch sketch_of(const Json& request) {
  Sketch out;
  const auto url = request.find("url");
  if (url != request.end() && url->is_string()) {
    for (const Parameter& parameter :
         split_parameters(split_url(url->get_ref<const std::string&>()).query)) {
      out.push_back(Hash().add("?").add(parameter.name).add(parameter.value).value());
    }
  }
  add_values(body_of(request), "", out);
  keep_smallest(out, kSketchSize);
  return out;
}

size_t in_common(const Sketch& a, const Sketch& b) {
  size_t count = 0;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (*i == *j) ++count;
    if (*i < *j) {
      ++i;
    } else if (*j < *i) {
      ++j;
    } else {
      ++i, ++j;
    }
  }
  return count;
}

}  // namespace recshim::match
