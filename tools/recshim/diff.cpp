// `recshim diff`: where two recordings differ, by JSON path.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "shim/store/comparison.h"
#include "tools/recshim/command.h"
#include "tools/recshim/json_text.h"
#include "tools/recshim/recordings.h"
#include "tools/recshim/settings.h"

namespace recshim::tools {
namespace {

using match::Json;

constexpr size_t kShownCharacters = 200;

struct Options {
  std::string dir, a, b;
  bool skip_volatile = false, json = false;
};

std::string shortened(const Json& value) {
  std::string text = line_of(value);
  if (text.size() <= kShownCharacters) return text;
  size_t end = kShownCharacters;
  // Not inside a UTF-8 character.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

// RFC 6901 §3.
std::string escaped(std::string key) {
  for (size_t i = 0; i < key.size(); ++i) {
    if (key[i] == '~') key.replace(i++, 1, "~0");
    if (i < key.size() && key[i] == '/') key.replace(i++, 1, "~1");
  }
  return key;
}

// Tells each difference as it is met, and counts them.
class Comparison {
 public:
  explicit Comparison(bool json) : json_(json) {}

  void compare(const Json& a, const Json& b, const std::string& path) {
    if (a == b) return;
    if (a.is_object() && b.is_object()) {
      for (const auto& [key, value] : a.items()) {
        const std::string below = path + "/" + escaped(key);
        if (b.contains(key)) {
          compare(value, b[key], below);
        } else {
          tell(below, &value, nullptr);
        }
      }
      for (const auto& [key, value] : b.items()) {
        if (!a.contains(key)) tell(path + "/" + escaped(key), nullptr, &value);
      }
    } else if (a.is_array() && b.is_array()) {
      for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
        const std::string below = fmt::format("{}/{}", path, i);
        if (i < a.size() && i < b.size()) {
          compare(a[i], b[i], below);
        } else {
          tell(below, i < a.size() ? &a[i] : nullptr, i < b.size() ? &b[i] : nullptr);
        }
      }
    } else {
      tell(path, &a, &b);
    }
  }
  [[nodiscard]] size_t count() const { return count_; }

 private:
  // Null where there is none.
  void tell(const std::string& path, const Json* a, const Json* b) {
    ++count_;
    if (json_) {
      Json line = {{"path", path}};
      if (a != nullptr) line["a"] = *a;
      if (b != nullptr) line["b"] = *b;
      fmt::print("{}\n", line_of(line));
    } else if (b == nullptr) {
      fmt::print("- {}: {}\n", path, shortened(*a));
    } else if (a == nullptr) {
      fmt::print("+ {}: {}\n", path, shortened(*b));
    } else {
      fmt::print("~ {}\n    - {}\n    + {}\n", path, shortened(*a), shortened(*b));
    }
  }

  const bool json_;
  size_t count_ = 0;
};

int diff(const Options& options) {
  const control::Config config = load_settings({{"RECSHIM_DIR", options.dir}});
  if (report_errors(config)) return kUsage;
  std::vector<store::Recording> recordings;
  for (const std::string& name : {options.a, options.b}) {
    const auto path = find_recording(config.dir, name);
    auto recording = path ? load_recording(*path) : Result<store::Recording>(path.error());
    if (!recording) {
      complain(path ? fmt::format("{}: {}", *path, recording.error().message)
                    : recording.error().message);
      return kUsage;
    }
    recordings.push_back(std::move(*recording));
  }
  const bool volatile_only =
      store::same_but_for_volatile(recordings[0], recordings[1], config.store.volatile_headers);
  if (options.skip_volatile && volatile_only) return kOk;
  Comparison comparison(options.json);
  comparison.compare(recordings[0].json, recordings[1].json, "");
  if (comparison.count() != 0 && volatile_only && !options.json) {
    fmt::print("The recordings say the same but for times, Date and replaced values.\n");
  }
  return comparison.count() == 0 ? kOk : kProblem;
}

}  // namespace

Action declare_diff(Arguments& arguments) {
  auto options = std::make_shared<Options>();
  arguments.add("a", &options->a, "file, or the start of a name").required();
  arguments.add("b", &options->b, "file, or the start of a name").required();
  arguments.add("--dir", &options->dir, "folder of recordings (RECSHIM_DIR)");
  arguments.add("--skip-volatile", &options->skip_volatile,
                "times, Date, replaced values and volatile_headers make no difference");
  arguments.add(
      "--json", &options->json,
      "a line of JSON for each difference: path, and the values a and b where they exist");
  return [options](const auto&) { return diff(*options); };
}

}  // namespace recshim::tools
