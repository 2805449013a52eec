// Counts journal lines and words the result.
#include "tools/recshim/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace recshim::tools {
namespace {

using control::JournalLine;
using control::Outcome;
using Json = nlohmann::ordered_json;

constexpr size_t kListedProblems = 5;

void count(const JournalLine& line, Summary& summary) {
  switch (line.outcome) {
    case Outcome::kHit:
      ++summary.replayed;
      if (line.borrowed) ++summary.borrowed;
      return;
    case Outcome::kRecorded:
      ++summary.recorded;
      return;
    case Outcome::kUnchanged:
      ++summary.unchanged;
      return;
    case Outcome::kPassed:
      ++summary.passed;
      return;
    case Outcome::kMiss:
      ++summary.missed;
      break;
    case Outcome::kLost:
      ++summary.lost;
      break;
    case Outcome::kUnrecorded:
      ++summary.unrecorded;
      break;
    case Outcome::kRefused:
      ++summary.refused;
      break;
  }
  summary.problems.push_back(line);
}

const char* problem_word(Outcome outcome) {
  switch (outcome) {
    case Outcome::kMiss:
      return "missed";
    case Outcome::kLost:
      return "lost";
    case Outcome::kUnrecorded:
      return "not recorded";
    default:
      return "refused";
  }
}

}  // namespace

Summary summarize(std::string_view journal) {
  Summary summary;
  for (size_t start = 0; start < journal.size();) {
    const size_t end = std::min(journal.find('\n', start), journal.size());
    const auto line = control::parse_journal_line(std::string(journal.substr(start, end - start)));
    if (line) {
      count(*line, summary);
    } else {
      ++summary.unreadable_lines;
    }
    start = end + 1;
  }
  return summary;
}

std::string summary_text(const Summary& summary, control::Mode mode, const std::string& dir) {
  std::vector<std::string> parts;
  const auto part = [&](uint64_t number, std::string_view word) {
    if (number != 0) parts.push_back(fmt::format("{} {}", number, word));
  };
  part(summary.replayed, "replayed");
  part(summary.missed, "missed");
  part(summary.recorded, "recorded");
  part(summary.unchanged, "unchanged");
  part(summary.lost, "lost");
  part(summary.unrecorded, "not recorded");
  part(summary.refused, "refused");
  part(summary.passed, "left alone");
  part(summary.unreadable_lines, "journal lines unreadable");
  if (parts.empty()) {
    // In live nothing is looked at.
    parts.emplace_back(mode == control::Mode::kLive
                           ? "mode live, so nothing was recorded or replayed"
                           : "no request to a configured host was seen");
  }
  std::string text = fmt::format("recshim: {} ({})\n", fmt::join(parts, ", "), dir);
  for (size_t i = 0; i < summary.problems.size() && i < kListedProblems; ++i) {
    const JournalLine& line = summary.problems[i];
    text += fmt::format("  {}: {}{}{}", problem_word(line.outcome), line.method,
                        line.method.empty() ? "" : " ", line.url);
    if (line.test_id) text += fmt::format("  [{}]", *line.test_id);
    if (!line.detail.empty()) {
      text += fmt::format("\n    {}", line.detail.substr(0, line.detail.find('\n')));
    }
    text += '\n';
  }
  if (summary.problems.size() > kListedProblems) {
    text += fmt::format("  and {} more\n", summary.problems.size() - kListedProblems);
  }
  return text;
}

std::string summary_json(const Summary& summary, const std::string& dir, int exit_code) {
  Json problems = Json::array();
  for (const JournalLine& line : summary.problems) {
    problems.push_back({{"outcome", control::outcome_name(line.outcome)},
                        {"method", line.method},
                        {"url", line.url},
                        {"test_id", line.test_id ? Json(*line.test_id) : Json(nullptr)},
                        {"key", line.key},
                        {"detail", line.detail}});
  }
  const Json json = {{"dir", dir},
                     {"exit_code", exit_code},
                     {"replayed", summary.replayed},
                     {"borrowed", summary.borrowed},
                     {"missed", summary.missed},
                     {"recorded", summary.recorded},
                     {"unchanged", summary.unchanged},
                     {"lost", summary.lost},
                     {"unrecorded", summary.unrecorded},
                     {"refused", summary.refused},
                     {"passed", summary.passed},
                     {"problems", problems}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace recshim::tools
