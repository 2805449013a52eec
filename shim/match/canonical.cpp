// See canonical.h.
#include "shim/match/canonical.h"

#include <vector>

#include "shim/base/log.h"
#include "shim/match/pattern.h"

namespace recshim::match {
namespace {

std::vector<std::string> split_pointer(std::string_view pointer) {
  std::vector<std::string> steps;
  while (!pointer.empty() && pointer[0] == '/') {
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    std::string step;
    for (size_t i = 0; i < end; ++i) {  // ~1 is '/', ~0 is '~' (RFC 6901 §4)
      const bool escape = pointer[i] == '~' && i + 1 < end;
      if (escape && pointer[i + 1] == '1') {
        step.push_back('/');
      } else if (escape && pointer[i + 1] == '0') {
        step.push_back('~');
      } else {
        step.push_back(pointer[i]);
        continue;
      }
      ++i;
    }
    steps.push_back(std::move(step));
    pointer.remove_prefix(end);
  }
  return steps;
}

void remove_at(Json& value, const std::vector<std::string>& steps, size_t depth) {
  if (depth >= steps.size()) return;
  const std::string& step = steps[depth];
  const bool last = depth + 1 == steps.size();
  const bool any = step == "*";
  if (value.is_object()) {
    Json::object_t kept;
    for (auto& [key, member] : value.get_ref<Json::object_t&>()) {
      const bool hit = any || key == step;
      if (hit && last) continue;
      if (hit) remove_at(member, steps, depth + 1);
      kept.emplace_back(key, std::move(member));
    }
    value = std::move(kept);
  } else if (value.is_array()) {
    Json::array_t kept;
    auto& items = value.get_ref<Json::array_t&>();
    for (size_t i = 0; i < items.size(); ++i) {
      const bool hit = any || step == std::to_string(i);
      if (hit && last) continue;
      if (hit) remove_at(items[i], steps, depth + 1);
      kept.push_back(std::move(items[i]));
    }
    value = std::move(kept);
  }
}

// is_root: the recorder looks for extra_body in the root and in every item of a list, but
// not in members of an object.
Json canonical(const Json& value, bool is_root, bool drop_stream_options, const UserRules& rules) {
  switch (value.type()) {
    case Json::value_t::object: {
      Json::object_t out;
      for (const auto& [key, member] : value.get_ref<const Json::object_t&>()) {
        if (drop_stream_options && key == "stream_options") continue;
        Json normalized = canonical(member, false, false, rules);
        if (is_root && (key == "extra_body" || key == "extra_query") && normalized.is_object()) {
          normalized.erase("project_id");
        }
        out.emplace_back(key, std::move(normalized));
      }
      return out;
    }
    case Json::value_t::array: {
      Json::array_t out;
      for (const Json& item : value) out.push_back(canonical(item, true, false, rules));
      return out;
    }
    case Json::value_t::number_float:
      return rounded_5(value.get<double>());
    case Json::value_t::string:
      return rules.apply(stable_text(value.get_ref<const std::string&>()));
    default:
      return value;
  }
}

}  // namespace

struct UserRules::Compiled {
  struct Rule {
    Pattern pattern;
    const std::string* replacement;
  };
  std::vector<Rule> rules;
};

UserRules::UserRules(const MatchOptions& options) : options_(options) {
  if (options.normalizers.empty()) return;
  compiled_ = std::make_unique<Compiled>();
  for (const MatchOptions::Replacement& rule : options.normalizers) {
    auto pattern = Pattern::compile(rule.pattern);
    // check_options() has told the user of one that can't be used.
    if (pattern.ok()) compiled_->rules.push_back({std::move(*pattern), &rule.replacement});
  }
}

UserRules::~UserRules() = default;

void UserRules::remove_ignored(Json& body) const {
  for (const std::string& pointer : options_.ignore_body) {
    remove_at(body, split_pointer(pointer), 0);
  }
}

std::string UserRules::apply(std::string text) const {
  if (compiled_ == nullptr) return text;
  for (const Compiled::Rule& rule : compiled_->rules) {
    auto replaced = rule.pattern.replace(text, *rule.replacement);
    if (replaced.ok()) {
      text = std::move(*replaced);
    } else {
      log::warn("a normalizer leaves a text of {} bytes as it is: {}", text.size(),
                replaced.error().message);
    }
  }
  return text;
}

Json canonical_body(const Json& body, bool drop_stream_options, const UserRules& rules) {
  Json kept = body;
  rules.remove_ignored(kept);
  return canonical(kept, true, drop_stream_options, rules);
}

Status check_options(const MatchOptions& options) {
  for (const MatchOptions::Replacement& rule : options.normalizers) {
    if (const auto pattern = Pattern::compile(rule.pattern); !pattern.ok()) {
      return Error{ErrorCode::kInvalid,
                   "match.normalizers: \"" + rule.pattern.substr(0, 80) +
                       "\" is no regular expression that can be used: " + pattern.error().message};
    }
  }
  for (const std::string& pointer : options.ignore_body) {
    if (pointer.empty() || pointer[0] != '/') {
      return Error{ErrorCode::kInvalid,
                   "match.ignore_body: \"" + pointer + "\" is no JSON pointer (\"/a/*/b\")"};
    }
  }
  return {};
}

}  // namespace recshim::match
