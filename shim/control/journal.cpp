// The journal's line format (version 1).
#include "shim/control/journal.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>

#include "shim/base/utc.h"

namespace recshim::control {
namespace {

using Json = nlohmann::ordered_json;

// Throws for a float, too: converting one that the type can't hold is undefined.
int64_t whole_number(const Json& value) {
  return value.get_ref<const Json::number_integer_t&>();
}

constexpr int kVersion = 1;

std::optional<Outcome> outcome_from_name(std::string_view name) {
  for (const Outcome outcome : kOutcomes) {
    if (name == outcome_name(outcome)) return outcome;
  }
  return std::nullopt;
}

Error bad_line(std::string_view why) {
  return {ErrorCode::kInvalid, fmt::format("not a line of a recshim journal: {}", why)};
}

}  // namespace

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::kHit:
      return "hit";
    case Outcome::kMiss:
      return "miss";
    case Outcome::kRecorded:
      return "recorded";
    case Outcome::kUnchanged:
      return "unchanged";
    case Outcome::kPassed:
      return "passed";
    case Outcome::kLost:
      return "lost";
    case Outcome::kUnrecorded:
      return "unrecorded";
    case Outcome::kRefused:
      return "refused";
  }
  return "passed";
}

std::string to_json_line(const JournalLine& line) {
  Json json = {{"v", kVersion},
               {"time", utc_text(line.wall_us)},
               {"pid", line.pid},
               {"program", line.program},
               {"test_id", line.test_id ? Json(*line.test_id) : Json(nullptr)},
               {"method", line.method},
               {"url", line.url},
               {"outcome", outcome_name(line.outcome)},
               {"borrowed", line.borrowed},
               {"key", line.key},
               {"file", line.file},
               {"duration_us", line.duration_us},
               {"detail", line.detail}};
  // A test id or a URL need not be UTF-8: what is not becomes U+FFFD.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

Result<JournalLine> parse_journal_line(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return bad_line("not a JSON object");
  try {
    if (whole_number(json.at("v")) != kVersion) {
      return bad_line(fmt::format("version {} is not known", json.at("v").dump()));
    }
    JournalLine line;
    const auto wall_us = utc_from_text(json.at("time").get<std::string>());
    if (!wall_us) return bad_line("\"time\" is not a UTC time with microseconds");
    line.wall_us = *wall_us;
    line.pid = static_cast<int>(whole_number(json.at("pid")));
    line.program = json.at("program").get<std::string>();
    if (!json.at("test_id").is_null()) line.test_id = json.at("test_id").get<std::string>();
    line.method = json.at("method").get<std::string>();
    line.url = json.at("url").get<std::string>();
    const auto outcome = outcome_from_name(json.at("outcome").get<std::string>());
    if (!outcome) return bad_line("\"outcome\" is not known");
    line.outcome = *outcome;
    line.borrowed = json.at("borrowed").get<bool>();
    line.key = json.at("key").get<std::string>();
    line.file = json.at("file").get<std::string>();
    line.duration_us = static_cast<uint64_t>(whole_number(json.at("duration_us")));
    line.detail = json.at("detail").get<std::string>();
    return line;
  } catch (const nlohmann::json::exception& problem) {
    return bad_line(problem.what());
  }
}

}  // namespace recshim::control
