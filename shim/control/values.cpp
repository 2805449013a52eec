// Parsers of single settings. No I/O.
#include "shim/control/values.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>

namespace recshim::control {
namespace {

Error not_allowed(std::string_view text, std::string_view allowed) {
  return {ErrorCode::kInvalid, fmt::format("\"{}\" is not allowed; use {}", text, allowed)};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

const char* mode_name(Mode mode) {
  switch (mode) {
    case Mode::kLive:
      return "live";
    case Mode::kRecord:
      return "record";
    case Mode::kReplay:
      return "replay";
    case Mode::kRecordIfMissing:
      return "record-if-missing";
  }
  return "replay";
}

Result<Mode> parse_mode(std::string_view text) {
  for (const Mode mode : {Mode::kLive, Mode::kRecord, Mode::kReplay, Mode::kRecordIfMissing}) {
    if (text == mode_name(mode)) return mode;
  }
  return not_allowed(text, "live, record, replay or record-if-missing");
}

Result<bool> parse_on_miss(std::string_view text) {
  if (text == "respond") return true;
  if (text == "refuse") return false;
  return not_allowed(text, "respond or refuse");
}

Result<double> parse_pace(std::string_view text) {
  if (text == "off") return 0.0;
  if (text == "recorded") return 1.0;
  if (text.starts_with('x')) {
    double times = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, problem] =
        std::from_chars(text.data() + 1, end, times, std::chars_format::fixed);
    if (problem == std::errc{} && stop == end && times > 0 && times <= 1e6) return times;
  }
  return not_allowed(text, "off, recorded, or x and a number such as x10 for ten times as fast");
}

Result<store::Layout> parse_layout(std::string_view text) {
  if (text == "flat") return store::Layout::kFlat;
  if (text == "by-test") return store::Layout::kByTest;
  return not_allowed(text, "flat or by-test");
}

Result<log::Level> parse_log_level(std::string_view text) {
  bool ok = false;
  const log::Level level = log::level_from_name(text, &ok);
  if (!ok) return not_allowed(text, "trace, debug, info, warn, error or off");
  return level;
}

Result<std::string> parse_session(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  if (text.empty() || text.size() > 64 || text.front() == '.' ||
      !std::all_of(text.begin(), text.end(), allowed)) {
    return not_allowed(text,
                       "at most 64 letters, digits, '.', '_' or '-', not starting with a dot");
  }
  return std::string(text);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  for (size_t start = 0; start <= text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    const std::string_view item = trimmed(text.substr(start, comma - start));
    if (!item.empty()) items.emplace_back(item);
    start = comma + 1;
  }
  return items;
}

std::string absolute_path(const std::string& base, const std::string& path) {
  std::string text = (std::filesystem::path(base) / path).lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  std::string nearest;
  size_t best = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace recshim::control
