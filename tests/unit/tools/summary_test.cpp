// Counting and wording of a run.
#include "tools/recshim/summary.h"

#include <gmock/gmock.h>

namespace recshim::tools {
namespace {

using control::JournalLine;
using control::Mode;
using control::Outcome;
using testing::HasSubstr;
using testing::Not;

control::Tally tally_of(const std::vector<JournalLine>& lines) {
  const auto memory = std::move(*SessionMemory::make_private());
  for (const auto& line : lines) control::account(posix_env(), *memory, "", "", line);
  return std::move(*control::tally_of(*memory));
}

JournalLine line_with(Outcome outcome, const std::string& detail = "") {
  JournalLine line;
  line.outcome = outcome;
  line.method = "GET";
  line.url = "https://a.example/";
  line.borrowed = outcome == Outcome::kHit;
  line.detail = detail;
  return line;
}

TEST(Summary, NothingSeen) {
  const control::Tally summary;
  EXPECT_EQ(summary_text(summary, Mode::kRecord, "/r", ""),
            "recshim: no request to a configured host was seen (/r)\n");
  EXPECT_EQ(summary_text(summary, Mode::kLive, "/r", ""),
            "recshim: mode live, so nothing was recorded or replayed (/r)\n");
}

TEST(Summary, NamesTheSettingsInForce) {
  const control::Tally summary;
  EXPECT_EQ(
      summary_text(summary, Mode::kRecord, "/r", "/p/recshim.json"),
      "recshim: no request to a configured host was seen (/r, settings of /p/recshim.json)\n");
  EXPECT_THAT(summary_json(summary, "/r", "/p/recshim.json", 0),
              HasSubstr("\"config\":\"/p/recshim.json\""));
}

TEST(Summary, CountsAndCutsOffLongLists) {
  std::vector<JournalLine> lines = {line_with(Outcome::kHit)};
  for (int i = 0; i < 7; ++i) lines.push_back(line_with(Outcome::kMiss, "first\nsecond"));
  const control::Tally summary = tally_of(lines);
  const std::string text = summary_text(summary, Mode::kReplay, "/r", "");
  EXPECT_THAT(text, HasSubstr("recshim: 1 replayed, 7 missed (/r)\n"));
  EXPECT_THAT(text, HasSubstr("    first\n"));
  EXPECT_THAT(text, Not(HasSubstr("second")));
  EXPECT_THAT(text, HasSubstr("  and 2 more\n"));
}

TEST(Summary, TellsWhatWasNotRecordedAndWhy) {
  JournalLine connection;
  connection.outcome = Outcome::kUnrecorded;
  connection.url = "http://a.example";
  connection.detail = "HTTP/2";
  const control::Tally summary = tally_of(
      {line_with(Outcome::kRecorded), line_with(Outcome::kUnrecorded, "cancelled"), connection});
  EXPECT_EQ(summary_text(summary, Mode::kRecord, "/r", ""),
            "recshim: 1 recorded, 2 not recorded (/r)\n"
            "  not recorded: GET https://a.example/\n    cancelled\n"
            "  not recorded: http://a.example\n    HTTP/2\n");
  EXPECT_THAT(summary_json(summary, "/r", "", 86), HasSubstr("\"unrecorded\":2"));
}

TEST(Summary, IsCompleteOrNot) {
  for (const Outcome fine :
       {Outcome::kHit, Outcome::kRecorded, Outcome::kUnchanged, Outcome::kPassed}) {
    EXPECT_TRUE(is_complete(tally_of({line_with(fine)}))) << control::outcome_name(fine);
  }
  for (const Outcome wrong :
       {Outcome::kMiss, Outcome::kLost, Outcome::kUnrecorded, Outcome::kRefused}) {
    EXPECT_FALSE(is_complete(tally_of({line_with(wrong)}))) << control::outcome_name(wrong);
  }
}

TEST(Summary, JsonIsOneLine) {
  const std::string json =
      summary_json(tally_of({line_with(Outcome::kLost, "disk full")}), "/r", "", 4);
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  EXPECT_THAT(json, HasSubstr("\"lost\":1"));
  EXPECT_THAT(json, HasSubstr("\"detail\":\"disk full\""));
  EXPECT_THAT(json, HasSubstr("\"exit_code\":4"));
}

}  // namespace
}  // namespace recshim::tools
