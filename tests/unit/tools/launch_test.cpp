// Statuses, environment and inherited signals of a launched program.
#include "tools/recshim/launch.h"

#include <gmock/gmock.h>

#include <csignal>

namespace recshim::tools {
namespace {

TEST(Launch, GivesTheStatusBack) {
  EXPECT_EQ(launch({"sh", "-c", "exit 5"}, {}).exit_code, 5);
  EXPECT_EQ(launch({"sh", "-c", "kill -TERM $$"}, {}).exit_code, 128 + SIGTERM);
}

TEST(Launch, SetsVariablesForTheProgramOnly) {
  const std::vector<std::pair<std::string, std::string>> variables = {{"RECSHIM_X", "a b"}};
  EXPECT_EQ(launch({"sh", "-c", "test \"$RECSHIM_X\" = 'a b'"}, variables).exit_code, 0);
  EXPECT_EQ(getenv("RECSHIM_X"), nullptr);
}

TEST(Launch, SaysWhyItCouldNotStart) {
  const Launched missing = launch({"/no/such/program"}, {});
  EXPECT_FALSE(missing.started);
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_THAT(missing.problem, testing::HasSubstr("No such file"));
  const Launched folder = launch({"/usr"}, {});
  EXPECT_FALSE(folder.started);
  EXPECT_EQ(folder.exit_code, 126);
}

TEST(Launch, WorksWhereSigchldIsIgnored) {
  const auto before = std::signal(SIGCHLD, SIG_IGN);
  EXPECT_EQ(launch({"sh", "-c", "exit 6"}, {}).exit_code, 6);
  EXPECT_EQ(std::signal(SIGCHLD, before), SIG_IGN) << "given back as it was";
}

TEST(Launch, TheProgramStartsWithTheMaskOfItsCaller) {
  sigset_t before;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  EXPECT_EQ(launch({"sh", "-c", "grep -q '^SigBlk:.0*$' /proc/self/status"}, {}).exit_code, 0);
  sigset_t after;
  sigprocmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
}

}  // namespace
}  // namespace recshim::tools
