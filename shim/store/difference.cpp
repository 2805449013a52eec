// See difference.h.
#include "shim/store/difference.h"

#include <algorithm>
#include <map>

#include "shim/match/python_json.h"
#include "shim/match/url.h"

namespace recshim::store {
namespace {

using match::Json;

constexpr size_t kMaxValueBytes = 80;
constexpr const char* kAbsent = "(absent)";

std::string shown(const Json& value) {
  std::string text = match::dump(value, match::compact_style());
  if (text.size() <= kMaxValueBytes) return text;
  text.resize(kMaxValueBytes);
  // Not in the middle of a character.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.pop_back();
  return text + "…";
}

// Where the second of two texts leaves the first, less a little, at a character's start.
size_t shared_start(const std::string& a, const std::string& b) {
  constexpr size_t kBefore = 20;
  const auto parted = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  auto at = static_cast<size_t>(parted - a.begin());
  if (at < kMaxValueBytes / 2) return 0;
  at -= kBefore;
  while (at > 0 && (static_cast<unsigned char>(a[at]) & 0xc0) == 0x80) --at;
  return at;
}

Difference difference(const std::string& place, const Json& recorded, const Json& asked) {
  if (!recorded.is_string() || !asked.is_string()) return {place, shown(recorded), shown(asked)};
  const auto& was = recorded.get_ref<const std::string&>();
  const auto& now = asked.get_ref<const std::string&>();
  const size_t start = shared_start(was, now);
  const char* const cut = start > 0 ? "…" : "";
  return {place, cut + shown(was.substr(start)), cut + shown(now.substr(start))};
}

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

// The places where two values differ, the deepest pointers that say it.
void compare(const Json& recorded, const Json& asked, const std::string& at,
             std::vector<Difference>& out) {
  if (recorded.is_object() && asked.is_object()) {
    for (auto it = recorded.begin(); it != recorded.end(); ++it) {
      const auto other = asked.find(it.key());
      const std::string path = at + "/" + escaped(it.key());
      if (other == asked.end()) {
        out.push_back({path, shown(*it), kAbsent});
      } else {
        compare(*it, *other, path, out);
      }
    }
    for (auto it = asked.begin(); it != asked.end(); ++it) {
      if (!recorded.contains(it.key())) {
        out.push_back({at + "/" + escaped(it.key()), kAbsent, shown(*it)});
      }
    }
    return;
  }
  if (recorded.is_array() && asked.is_array()) {
    const size_t most = std::max(recorded.size(), asked.size());
    for (size_t i = 0; i < most; ++i) {
      const std::string path = at + "/" + std::to_string(i);
      if (i >= recorded.size()) {
        out.push_back({path, kAbsent, shown(asked[i])});
      } else if (i >= asked.size()) {
        out.push_back({path, shown(recorded[i]), kAbsent});
      } else {
        compare(recorded[i], asked[i], path, out);
      }
    }
    return;
  }
  if (recorded != asked) out.push_back(difference(at, recorded, asked));
}

// Each name with its values, in the order of the names.
std::map<std::string, std::string> parameters_of(const std::string& url) {
  std::map<std::string, std::string> out;
  for (const match::Parameter& parameter : match::split_parameters(match::split_url(url).query)) {
    std::string& value = out[match::decode_parameter(parameter.name)];
    if (!value.empty()) value += ", ";
    value += match::decode_parameter(parameter.value);
  }
  return out;
}

}  // namespace

std::vector<Difference> body_differences(const Json& recorded, const Json& asked) {
  std::vector<Difference> out;
  compare(recorded, asked, "", out);
  return out;
}

std::vector<Difference> query_differences(const std::string& recorded_url,
                                          const std::string& asked_url) {
  std::vector<Difference> out;
  const auto recorded = parameters_of(recorded_url);
  const auto asked = parameters_of(asked_url);
  for (const auto& [name, value] : recorded) {
    const auto other = asked.find(name);
    if (other == asked.end()) {
      out.push_back({name, shown(value), kAbsent});
    } else if (other->second != value) {
      out.push_back({name, shown(value), shown(other->second)});
    }
  }
  for (const auto& [name, value] : asked) {
    if (!recorded.contains(name)) out.push_back({name, kAbsent, shown(value)});
  }
  return out;
}

}  // namespace recshim::store
