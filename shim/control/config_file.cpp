// The keys of recshim.json, one table an object, and what each may hold.
#include "shim/control/config_file.h"

#include <fmt/format.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "shim/control/values.h"
#include "shim/match/pattern.h"

namespace recshim::control {
namespace {

using Json = nlohmann::ordered_json;

class Reader;
struct Key {
  const char* name;
  void (Reader::*read)(const Json& value, const std::string& at);
};

// Walks the document. `at` is always the JSON path of the value at hand.
class Reader {
 public:
  Reader(const std::string& path, Config& config) : path_(path), config_(config) {}

  void document(const Json& json) {
    static constexpr Key kKeys[] = {
        {"hosts", &Reader::hosts},       {"connect_to", &Reader::connect_to},
        {"dir", &Reader::dir},           {"mode", &Reader::mode},
        {"layout", &Reader::layout},     {"match", &Reader::match},
        {"redact", &Reader::redact},     {"record_errors", &Reader::record_errors},
        {"upstream", &Reader::upstream}, {"volatile_headers", &Reader::volatile_headers},
        {"pace", &Reader::pace},         {"on_miss", &Reader::on_miss},
        {"dialects", &Reader::dialects},
    };
    object(json, "", kKeys);
  }

 private:
  void fail(const std::string& at, std::string_view what) {
    config_.errors.push_back(
        fmt::format("{}: {}: {}", path_, at.empty() ? "the document" : at, what));
  }

  void object(const Json& json, const std::string& at, std::span<const Key> keys) {
    if (!json.is_object()) return fail(at, "must be an object");
    for (const auto& [name, value] : json.items()) {
      const Key* known = nullptr;
      for (const Key& key : keys) {
        if (name == key.name) known = &key;
      }
      if (known != nullptr) {
        (this->*known->read)(value, at + "/" + name);
      } else {
        unknown_key(name, at, keys);
      }
    }
  }

  void unknown_key(const std::string& name, const std::string& at, std::span<const Key> keys) {
    std::vector<std::string> names;
    std::string all;
    for (const Key& key : keys) {
      names.emplace_back(key.name);
      all += (all.empty() ? "" : ", ") + names.back();
    }
    const std::string nearest = nearest_word(name, names);
    fail(at + "/" + name, nearest.empty()
                              ? fmt::format("unknown key; known are {}", all)
                              : fmt::format("unknown key; did you mean \"{}\"?", nearest));
  }

  // The strings of a list; nullopt (and an error) when it is anything else.
  std::optional<std::vector<std::string>> strings(const Json& json, const std::string& at) {
    std::vector<std::string> values;
    if (!json.is_array()) {
      fail(at, "must be a list of strings");
      return std::nullopt;
    }
    for (size_t i = 0; i < json.size(); ++i) {
      if (!json[i].is_string() || json[i].get_ref<const std::string&>().empty()) {
        fail(fmt::format("{}/{}", at, i), "must be a string that is not empty");
        return std::nullopt;
      }
      values.push_back(json[i].get<std::string>());
    }
    return values;
  }

  void string_list(const Json& json, const std::string& at, std::vector<std::string>& target) {
    if (auto values = strings(json, at)) target = std::move(*values);
  }

  // A string that parse() understands, into target.
  template <typename T, typename U>
  void choice(const Json& json, const std::string& at, Result<T> (*parse)(std::string_view),
              U& target) {
    if (!json.is_string()) return fail(at, "must be a string");
    Result<T> value = parse(json.get_ref<const std::string&>());
    if (!value) return fail(at, value.error().message);
    target = std::move(*value);
  }

  // A list of strings that parse() understands each.
  template <typename T>
  void choices(const Json& json, const std::string& at, Result<T> (*parse)(std::string_view),
               std::vector<T>& target) {
    const auto texts = strings(json, at);
    if (!texts) return;
    std::vector<T> values;
    for (size_t i = 0; i < texts->size(); ++i) {
      Result<T> value = parse((*texts)[i]);
      if (!value) return fail(fmt::format("{}/{}", at, i), value.error().message);
      values.push_back(std::move(*value));
    }
    target = std::move(values);
  }

  void hosts(const Json& json, const std::string& at) {
    choices(json, at, parse_host_rule, config_.hosts);
  }
  void connect_to(const Json& json, const std::string& at) {
    choices(json, at, parse_connect_to, config_.connect_to);
  }
  void mode(const Json& json, const std::string& at) { choice(json, at, parse_mode, config_.mode); }
  void layout(const Json& json, const std::string& at) {
    choice(json, at, parse_layout, config_.store.layout);
  }
  void pace(const Json& json, const std::string& at) { choice(json, at, parse_pace, config_.pace); }
  void on_miss(const Json& json, const std::string& at) {
    choice(json, at, parse_on_miss, config_.respond_on_miss);
  }

  // A path, relative to the file's folder.
  void path(const Json& json, const std::string& at, std::string& target) {
    if (!json.is_string() || json.get_ref<const std::string&>().empty()) {
      return fail(at, "must be a string that is not empty");
    }
    target = absolute_path(path_.substr(0, path_.rfind('/') + 1), json.get<std::string>());
  }
  void dir(const Json& json, const std::string& at) { path(json, at, config_.dir); }

  void upstream(const Json& json, const std::string& at) {
    static constexpr Key kKeys[] = {{"ca_file", &Reader::ca_file},
                                    {"client_cert", &Reader::client_cert},
                                    {"client_key", &Reader::client_key},
                                    {"proxy", &Reader::proxy}};
    object(json, at, kKeys);
  }
  void ca_file(const Json& json, const std::string& at) {
    path(json, at, config_.upstream.ca_file);
  }
  void client_cert(const Json& json, const std::string& at) {
    path(json, at, config_.upstream.client_cert);
  }
  void client_key(const Json& json, const std::string& at) {
    path(json, at, config_.upstream.client_key);
  }
  void proxy(const Json& json, const std::string& at) {
    if (!json.is_string()) return fail(at, "must be a string");
    config_.upstream.proxy = json.get<std::string>();
  }

  void record_errors(const Json& json, const std::string& at) {
    if (!json.is_boolean()) return fail(at, "must be true or false");
    config_.record_errors = json.get<bool>();
  }

  void volatile_headers(const Json& json, const std::string& at) {
    string_list(json, at, config_.store.volatile_headers);
    for (std::string& name : config_.store.volatile_headers) name = http::to_lower(name);
  }

  void match(const Json& json, const std::string& at) {
    static constexpr Key kKeys[] = {{"ignore_query", &Reader::ignore_query},
                                    {"ignore_body", &Reader::ignore_body},
                                    {"normalizers", &Reader::normalizers}};
    object(json, at, kKeys);
  }

  void ignore_query(const Json& json, const std::string& at) {
    string_list(json, at, config_.store.match.ignore_query);
  }

  void ignore_body(const Json& json, const std::string& at) {
    const auto pointers = strings(json, at);
    if (!pointers) return;
    for (size_t i = 0; i < pointers->size(); ++i) {
      if (!(*pointers)[i].starts_with('/')) {
        return fail(fmt::format("{}/{}", at, i),
                    "must be a JSON pointer, such as /messages/*/id (RFC 6901; * is any key)");
      }
    }
    config_.store.match.ignore_body = *pointers;
  }

  void normalizers(const Json& json, const std::string& at) {
    if (!json.is_array()) return fail(at, "must be a list of {\"pattern\", \"replacement\"}");
    std::vector<match::MatchOptions::Replacement> values;
    for (size_t i = 0; i < json.size(); ++i) {
      const std::string item_at = fmt::format("{}/{}", at, i);
      normalizer_ = {};
      static constexpr Key kKeys[] = {{"pattern", &Reader::pattern},
                                      {"replacement", &Reader::replacement}};
      const size_t errors_before = config_.errors.size();
      object(json[i], item_at, kKeys);
      if (config_.errors.size() != errors_before) return;
      if (normalizer_.pattern.empty()) return fail(item_at, "needs a \"pattern\"");
      values.push_back(normalizer_);
    }
    config_.store.match.normalizers = std::move(values);
  }

  void pattern(const Json& json, const std::string& at) {
    if (!json.is_string()) return fail(at, "must be a string");
    normalizer_.pattern = json.get<std::string>();
    if (const auto pattern = match::Pattern::compile(normalizer_.pattern); !pattern.ok()) {
      fail(at, "is not a regular expression that can be used: " + pattern.error().message);
    }
  }

  void replacement(const Json& json, const std::string& at) {
    if (!json.is_string()) return fail(at, "must be a string");
    normalizer_.replacement = json.get<std::string>();
  }

  void redact(const Json& json, const std::string& at) {
    static constexpr Key kKeys[] = {{"headers", &Reader::redact_headers},
                                    {"query", &Reader::redact_query},
                                    {"values", &Reader::redact_values}};
    object(json, at, kKeys);
  }
  void redact_headers(const Json& json, const std::string& at) {
    string_list(json, at, config_.store.match.redact_headers);
  }
  void redact_query(const Json& json, const std::string& at) {
    string_list(json, at, config_.store.match.redact_query);
  }
  void redact_values(const Json& json, const std::string& at) {
    string_list(json, at, config_.store.match.redact_values);
  }

  void dialects(const Json& json, const std::string& at) {
    static constexpr Key kKeys[] = {{"openai_paths", &Reader::openai_paths}};
    object(json, at, kKeys);
  }
  void openai_paths(const Json& json, const std::string& at) {
    const auto paths = strings(json, at);
    if (!paths) return;
    for (size_t i = 0; i < paths->size(); ++i) {
      if (!(*paths)[i].starts_with('/')) {
        return fail(fmt::format("{}/{}", at, i), "must start with a slash");
      }
    }
    config_.store.match.openai_paths = *paths;
  }

  const std::string& path_;
  Config& config_;
  match::MatchOptions::Replacement normalizer_;  // the one being read
};

}  // namespace

std::string keys_that_lead_elsewhere(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::string found;
  for (const char* key : {"connect_to", "upstream", "mode"}) {
    if (!json.is_object() || !json.contains(key)) continue;
    found += (found.empty() ? "" : ", ") + std::string(key);
  }
  return found;
}

void apply_config_file(std::string_view text, const std::string& path, Config& config) {
  try {
    Reader(path, config).document(Json::parse(text));
  } catch (const nlohmann::json::parse_error& problem) {
    config.errors.push_back(
        fmt::format("{}: not JSON at byte {}: {}", path, problem.byte, problem.what()));
  } catch (const std::exception& problem) {
    config.errors.push_back(fmt::format("{}: {}", path, problem.what()));
  }
}

}  // namespace recshim::control
