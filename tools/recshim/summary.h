// What a run did, from its session's journal.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shim/control/config.h"
#include "shim/control/journal.h"

namespace recshim::tools {

struct Summary {
  uint64_t replayed = 0;
  uint64_t borrowed = 0;  // of the replayed: found under no test
  uint64_t missed = 0;
  uint64_t recorded = 0;
  uint64_t unchanged = 0;
  uint64_t lost = 0;
  uint64_t unrecorded = 0;
  uint64_t refused = 0;
  uint64_t passed = 0;
  uint64_t unreadable_lines = 0;
  std::vector<control::JournalLine> problems;  // missed, lost, not recorded and refused, in order

  // What --strict takes for a failure: replay would not be complete, or was not.
  [[nodiscard]] bool is_complete() const { return missed + lost + unrecorded + refused == 0; }
};

Summary summarize(std::string_view journal);

// One line, and one for each of the first problems; ends with a newline.
std::string summary_text(const Summary& summary, control::Mode mode, const std::string& dir);
// One line of JSON with every problem; ends with a newline.
std::string summary_json(const Summary& summary, const std::string& dir, int exit_code);

}  // namespace recshim::tools
