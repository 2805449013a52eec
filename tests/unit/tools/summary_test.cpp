// Counting and wording of a run.
#include "tools/recshim/summary.h"

#include <gmock/gmock.h>

namespace recshim::tools {
namespace {

using control::JournalLine;
using control::Outcome;
using testing::HasSubstr;
using testing::Not;

std::string line_with(Outcome outcome, const std::string& detail = "") {
  JournalLine line;
  line.outcome = outcome;
  line.method = "GET";
  line.url = "https://a.example/";
  line.borrowed = outcome == Outcome::kHit;
  line.detail = detail;
  return control::to_json_line(line);
}

TEST(Summary, NothingSeen) {
  const Summary summary = summarize("");
  EXPECT_THAT(summary_text(summary, "/r"), HasSubstr("no request to a configured host was seen"));
}

TEST(Summary, CountsAndCutsOffLongLists) {
  std::string journal = line_with(Outcome::kHit);
  for (int i = 0; i < 7; ++i) journal += line_with(Outcome::kMiss, "first\nsecond");
  const Summary summary = summarize(journal);
  EXPECT_EQ(summary.replayed, 1u);
  EXPECT_EQ(summary.borrowed, 1u);
  EXPECT_EQ(summary.missed, 7u);
  const std::string text = summary_text(summary, "/r");
  EXPECT_THAT(text, HasSubstr("recshim: 1 replayed, 7 missed (/r)\n"));
  EXPECT_THAT(text, HasSubstr("    first\n"));
  EXPECT_THAT(text, Not(HasSubstr("second")));
  EXPECT_THAT(text, HasSubstr("  and 2 more\n"));
}

TEST(Summary, ALineCutOffByACrashIsCountedApart) {
  const std::string line = line_with(Outcome::kHit);
  const Summary summary = summarize(line + line.substr(0, 20));
  EXPECT_EQ(summary.replayed, 1u);
  EXPECT_EQ(summary.unreadable_lines, 1u);
}

TEST(Summary, JsonIsOneLine) {
  const std::string json = summary_json(summarize(line_with(Outcome::kLost, "disk full")), "/r", 4);
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  EXPECT_THAT(json, HasSubstr("\"lost\":1"));
  EXPECT_THAT(json, HasSubstr("\"detail\":\"disk full\""));
  EXPECT_THAT(json, HasSubstr("\"exit_code\":4"));
}

}  // namespace
}  // namespace recshim::tools
