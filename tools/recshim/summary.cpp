// See summary.h.
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

bool is_complete(const control::Tally& tally) {
  return std::none_of(control::kOutcomes.begin(), control::kOutcomes.end(), [&](Outcome outcome) {
    return control::is_problem(outcome) && tally.count(outcome) != 0;
  });
}

std::string summary_text(const control::Tally& tally, control::Mode mode, const std::string& dir,
                         const std::string& settings) {
  std::vector<std::string> parts;
  const auto part = [&](uint64_t number, std::string_view word) {
    if (number != 0) parts.push_back(fmt::format("{} {}", number, word));
  };
  part(tally.count(Outcome::kHit), "replayed");
  part(tally.count(Outcome::kMiss), "missed");
  part(tally.count(Outcome::kRecorded), "recorded");
  part(tally.count(Outcome::kUnchanged), "unchanged");
  part(tally.count(Outcome::kLost), "lost");
  part(tally.count(Outcome::kUnrecorded), "not recorded");
  part(tally.count(Outcome::kRefused), "refused");
  part(tally.count(Outcome::kPassed), "left alone");
  if (parts.empty()) {
    // In live nothing is looked at.
    parts.emplace_back(mode == control::Mode::kLive
                           ? "mode live, so nothing was recorded or replayed"
                           : "no request to a configured host was seen");
  }
  std::string text = fmt::format("recshim: {} ({}{}{})\n", fmt::join(parts, ", "), dir,
                                 settings.empty() ? "" : ", settings of ", settings);
  if (tally.http2_connections > 0) {
    text += fmt::format("  {} {} HTTP/2\n", tally.http2_connections,
                        tally.http2_connections == 1 ? "connection spoke" : "connections spoke");
  }
  const size_t listed = std::min(tally.problems.size(), kListedProblems);
  for (size_t i = 0; i < listed; ++i) {
    const JournalLine& line = tally.problems[i];
    text += fmt::format("  {}: {}{}{}", problem_word(line.outcome), line.method,
                        line.method.empty() ? "" : " ", line.url);
    if (line.test_id) text += fmt::format("  [{}]", *line.test_id);
    if (!line.detail.empty()) {
      text += fmt::format("\n    {}", line.detail.substr(0, line.detail.find('\n')));
    }
    text += '\n';
  }
  if (tally.problems_counted > listed) {
    text += fmt::format("  and {} more\n", tally.problems_counted - listed);
  }
  return text;
}

std::string summary_json(const control::Tally& tally, const std::string& dir,
                         const std::string& settings, int exit_code) {
  Json problems = Json::array();
  for (const JournalLine& line : tally.problems) {
    problems.push_back({{"outcome", control::outcome_name(line.outcome)},
                        {"method", line.method},
                        {"url", line.url},
                        {"test_id", line.test_id ? Json(*line.test_id) : Json(nullptr)},
                        {"key", line.key},
                        {"detail", line.detail}});
  }
  const Json json = {{"dir", dir},
                     {"config", settings.empty() ? Json(nullptr) : Json(settings)},
                     {"exit_code", exit_code},
                     {"replayed", tally.count(Outcome::kHit)},
                     {"borrowed", tally.borrowed},
                     {"missed", tally.count(Outcome::kMiss)},
                     {"recorded", tally.count(Outcome::kRecorded)},
                     {"unchanged", tally.count(Outcome::kUnchanged)},
                     {"lost", tally.count(Outcome::kLost)},
                     {"unrecorded", tally.count(Outcome::kUnrecorded)},
                     {"refused", tally.count(Outcome::kRefused)},
                     {"passed", tally.count(Outcome::kPassed)},
                     {"problems", problems}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace recshim::tools
