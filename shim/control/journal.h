// One line an exchange for RECSHIM_JOURNAL and for the summary of `recshim run`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/result.h"

namespace recshim::control {

// The journal that every session keeps in its folder.
inline constexpr const char* kSessionJournalName = "journal";

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
const char* outcome_name(Outcome outcome);  // "hit", "miss", "recorded", …

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

// Appends to journal_path (if not empty) and to `<session_dir>/journal` (if session_dir
// is not empty and exists or can be made): `recshim run` reads the latter for its summary.
// One write on O_APPEND each, so lines of many processes do not mix. Failures go to the log.
// Threads: any.
void append_journal(Env& env, const std::string& journal_path, const std::string& session_dir,
                    const JournalLine& line);

}  // namespace recshim::control
