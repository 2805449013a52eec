// One line an exchange: the format of RECSHIM_JOURNAL. What they come to is tally.h's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/result.h"

namespace recshim::control {

enum class Outcome {
  kHit,         // replayed
  kMiss,        // replay: no recording
  kRecorded,    // written
  kUnchanged,   // recorded again, file untouched
  kPassed,      // seen and left alone, as the settings say (with `detail`)
  kLost,        // could not be written (with `detail`)
  kUnrecorded,  // seen, but nothing that could be written (with `detail`); method "" where no
                // request could be read
  kRefused      // refused in replay for another reason than a miss
};
inline constexpr std::array kOutcomes = {
    Outcome::kHit,    Outcome::kMiss, Outcome::kRecorded, Outcome::kUnchanged,
    Outcome::kPassed, Outcome::kLost, Outcome::kRefused,  Outcome::kUnrecorded};
const char* outcome_name(Outcome outcome);  // "hit", "miss", "recorded", …
// What --strict takes for a failure: replay would not be complete, or was not.
constexpr bool is_problem(Outcome outcome) {
  return outcome == Outcome::kMiss || outcome == Outcome::kLost ||
         outcome == Outcome::kUnrecorded || outcome == Outcome::kRefused;
}

struct JournalLine {
  uint64_t wall_us = 0;
  int pid = 0;
  std::string program;  // file name of /proc/self/exe
  std::optional<std::string> test_id;
  std::string method;
  std::string url;  // redacted
  Outcome outcome = Outcome::kHit;
  bool borrowed = false;
  std::string key;  // hash, empty if none
  std::string file;
  uint64_t duration_us = 0;  // what recshim itself took for a hit; the exchange's for a recording
  std::string detail;
};

// Keys: v (1), time (UTC, ISO 8601), pid, program, test_id, method, url, outcome, borrowed,
// key, file, duration_us, detail. With '\n'.
std::string to_json_line(const JournalLine& line);
// Keys it does not know are ignored. Errors: kInvalid.
Result<JournalLine> parse_journal_line(const std::string& line);

}  // namespace recshim::control
