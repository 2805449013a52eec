// The journal's format, there and back, and its appending.
#include "shim/control/journal.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <thread>

#include "tests/unit/control/temp_folder.h"

namespace recshim::control {
namespace {

JournalLine example() {
  JournalLine line;
  line.wall_us = 1'700'000'000'123'456;
  line.pid = 4711;
  line.program = "curl";
  line.test_id = "tests/test_a.py::test_b[x]";
  line.method = "POST";
  line.url = "https://api.example.com/v1?q=\"1\"\n";
  line.outcome = Outcome::kUnchanged;
  line.borrowed = true;
  line.key = "ab12";
  line.file = "/r/ab12.json";
  line.duration_us = 1234;
  line.detail = "why";
  return line;
}

TEST(Journal, ALineComesBackAsItWas) {
  const std::string text = to_json_line(example());
  EXPECT_EQ(text.back(), '\n');
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, testing::HasSubstr(R"("time":"2023-11-14T22:13:20.123456Z")"));
  EXPECT_THAT(text, testing::StartsWith(R"({"v":1,)"));

  const auto parsed = parse_journal_line(text);
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(to_json_line(*parsed), text);
  EXPECT_EQ(parsed->wall_us, example().wall_us);
  EXPECT_EQ(parsed->url, example().url);
  EXPECT_EQ(parsed->outcome, Outcome::kUnchanged);
}

TEST(Journal, EveryOutcomeHasAName) {
  for (const Outcome outcome :
       {Outcome::kHit, Outcome::kMiss, Outcome::kRecorded, Outcome::kUnchanged, Outcome::kPassed,
        Outcome::kLost, Outcome::kUnrecorded, Outcome::kRefused}) {
    JournalLine line = example();
    line.outcome = outcome;
    const auto parsed = parse_journal_line(to_json_line(line));
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed->outcome, outcome);
  }
}

TEST(Journal, NoTestAndBytesThatAreNotUtf8) {
  JournalLine line = example();
  line.test_id.reset();
  line.url = "https://a.example/\xff";
  const auto parsed = parse_journal_line(to_json_line(line));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->test_id, std::nullopt);
  EXPECT_EQ(parsed->url, "https://a.example/\xef\xbf\xbd");
}

TEST(Journal, UnknownKeysAreIgnored) {
  std::string text = to_json_line(example());
  text.insert(1, R"("later":[1],)");
  EXPECT_TRUE(parse_journal_line(text).ok());
}

TEST(Journal, WhatIsNoLineIsRefused) {
  const std::string good = to_json_line(example());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
        with("\"v\":1", "\"v\":2"), with("4711", "\"x\""), with("unchanged", "eaten"),
        with("2023-11-14", "2023-13-14"), with("T22", " 22"), with("1234,", "-1.5e999,"),
        with("1234,", "1e99,"), with("\"v\":1", "\"v\":1e99"), with("4711", "1e99")}) {
    const auto parsed = parse_journal_line(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_THAT(parsed.error().message, testing::StartsWith("not a line of a recshim journal"));
  }
}

}  // namespace
}  // namespace recshim::control
