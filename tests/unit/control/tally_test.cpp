// What a session's exchanges came to, as every process of it counts.
#include "shim/control/tally.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sstream>
#include <thread>

#include "tests/unit/control/temp_folder.h"

namespace recshim::control {
namespace {

JournalLine line_of(Outcome outcome, const std::string& detail = "") {
  JournalLine line;
  line.wall_us = 1'700'000'000'000'000;
  line.outcome = outcome;
  line.method = "GET";
  line.url = "https://a.example/";
  line.detail = detail;
  return line;
}

struct TallyTest : ::testing::Test {
  TempFolder folder;
  std::unique_ptr<SessionMemory> memory = std::move(*SessionMemory::make_private());
  void take(const JournalLine& line, const std::string& journal = "") {
    account(posix_env(), *memory, journal, folder.path("s"), line);
  }
};

TEST_F(TallyTest, CountsEveryOutcomeAndKeepsTheProblems) {
  JournalLine hit = line_of(Outcome::kHit);
  hit.borrowed = true;
  take(hit);
  for (const Outcome outcome : kOutcomes) take(line_of(outcome, outcome_name(outcome)));
  const auto tally = tally_of(*memory);
  ASSERT_TRUE(tally.ok());
  EXPECT_EQ(tally->count(Outcome::kHit), 2u);
  EXPECT_EQ(tally->borrowed, 1u);
  std::vector<std::string> problems;
  for (const auto& line : tally->problems) problems.push_back(line.detail);
  EXPECT_THAT(problems, testing::ElementsAre("miss", "lost", "refused", "unrecorded"));
  EXPECT_FALSE(std::filesystem::exists(folder.path("s"))) << "no file is needed";
}

TEST_F(TallyTest, TellsWhatCameAfterAnEarlierLook) {
  take(line_of(Outcome::kMiss, "before"));
  const auto before = tally_of(*memory);
  take(line_of(Outcome::kMiss, "after"));
  const Tally since = difference(*tally_of(*memory), *before);
  EXPECT_EQ(since.count(Outcome::kMiss), 1u);
  ASSERT_EQ(since.problems.size(), 1u);
  EXPECT_EQ(since.problems[0].detail, "after");
}

TEST_F(TallyTest, KeepsTheTextOfSomeAndCountsAll) {
  for (uint64_t i = 0; i < kMaxProblems + 5; ++i)
    take(line_of(Outcome::kLost, std::string(9000, 'x')));
  const auto tally = tally_of(*memory);
  EXPECT_EQ(tally->count(Outcome::kLost), kMaxProblems + 5);
  EXPECT_EQ(tally->problems_counted, kMaxProblems + 5);
  EXPECT_EQ(tally->problems.size(), kMaxProblems);
  EXPECT_LT(tally->problems[0].detail.size(), 1100u);
}

TEST_F(TallyTest, CountsInAFullMemory) {
  memory = std::move(*SessionMemory::make_private(1));
  while (memory->append({"filler", ""}, std::string(100, 'x'))) {
  }
  take(line_of(Outcome::kLost));
  EXPECT_EQ(tally_of(*memory)->count(Outcome::kLost), 1u);
}

TEST_F(TallyTest, ProcessesThatAreKilledLoseNothingOfIt) {
  for (int i = 0; i < 8; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) account(posix_env(), *memory, "", "", line_of(Outcome::kMiss));
    }
    usleep(2000);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  take(line_of(Outcome::kHit));
  const auto tally = tally_of(*memory);
  ASSERT_TRUE(tally.ok());
  EXPECT_GT(tally->count(Outcome::kMiss), 0u);
  EXPECT_EQ(tally->count(Outcome::kHit), 1u);
}

TEST_F(TallyTest, KnowsWhatAKilledProcessHadTakenUp) {
  const std::shared_ptr<SessionMemory> shared = std::move(memory);
  memory = std::move(*SessionMemory::make_private());
  auto own = std::make_shared<UnderWay>(shared);
  const pid_t child = fork();
  if (child == 0) {
    own.reset();
    const UnderWay never_over(shared);
    kill(getpid(), SIGKILL);
  }
  waitpid(child, nullptr, 0);
  EXPECT_EQ(under_way(*shared), 2u);
  own.reset();
  EXPECT_EQ(under_way(*shared), 1u);
}

TEST_F(TallyTest, WhoCanNotReachTheMemoryLeavesItsLinesInTheFolder) {
  memory = SessionMemory::unreachable({ErrorCode::kIo, "gone"});
  EXPECT_FALSE(tally_of(*memory).ok());
  take(line_of(Outcome::kLost, "why"));
  Tally tally;
  add_unreached(posix_env(), folder.path("s"), tally);
  EXPECT_EQ(tally.count(Outcome::kLost), 1u);
  EXPECT_EQ(tally.problems.at(0).detail, "why");
  add_unreached(posix_env(), folder.path("s"), tally);
  EXPECT_EQ(tally.count(Outcome::kLost), 1u) << "taken once";
}

TEST_F(TallyTest, LinesOfManyThreadsDoNotMixInTheJournal) {
  const JournalLine line = line_of(Outcome::kHit, std::string(20'000, 'd'));
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) take(line, folder.path("j"));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(folder.read("j"));
  int count = 0;
  for (std::string text; std::getline(lines, text); ++count) {
    EXPECT_TRUE(parse_journal_line(text).ok());
  }
  EXPECT_EQ(count, 100);
  EXPECT_EQ(tally_of(*memory)->count(Outcome::kHit), 100u);
}

TEST_F(TallyTest, AJournalThatCanNotBeWrittenIsNotFatal) {
  folder.write("file", "");
  take(line_of(Outcome::kHit), folder.path("file/j"));
  EXPECT_EQ(folder.read("file"), "");
  EXPECT_EQ(tally_of(*memory)->count(Outcome::kHit), 1u);
}

}  // namespace
}  // namespace recshim::control
