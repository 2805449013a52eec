// `recshim` and `recshim run` as users call them.
#include <gmock/gmock.h>

#include "shim/control/journal.h"
#include "shim/control/names.h"
#include "tests/unit/tools/cli.h"

namespace recshim::tools {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Cli, SaysItsVersion) {
  const Cli::Output output = Cli().run("--version");
  EXPECT_EQ(output.exit_code, 0);
  EXPECT_EQ(output.out, "recshim " RECSHIM_VERSION "\n");
}

TEST(Cli, HelpNamesEveryVariableAndCommand) {
  const Cli::Output output = Cli().run("--help");
  EXPECT_EQ(output.exit_code, 0);
  for (const control::Variable& variable : control::variables()) {
    EXPECT_THAT(output.out, HasSubstr(variable.name));
  }
  for (const char* command :
       {"run", "doctor", "library", "list", "show", "diff", "verify", "prune", "rekey"}) {
    EXPECT_THAT(output.out, HasSubstr(command));
    const Cli::Output help = Cli().run(std::string(command) + " --help");
    EXPECT_EQ(help.exit_code, 0) << command;
    EXPECT_THAT(help.out, HasSubstr("Example")) << command;
  }
}

TEST(Cli, WrongArgumentsAreStatus2) {
  for (const char* arguments : {"", "fly", "list --colour", "show", "diff a", "prune"}) {
    const Cli::Output output = Cli().run(arguments);
    EXPECT_EQ(output.exit_code, 2) << arguments;
    EXPECT_THAT(output.err, Not(IsEmpty())) << arguments;
  }
}

TEST(Cli, SaysWhatWasMeantAndWhereHelpIs) {
  const Cli cli;
  EXPECT_THAT(cli.run("lsit").err, HasSubstr("did you mean \"list\"?"));
  EXPECT_THAT(cli.run("./my_tests").err, HasSubstr("recshim run -- ./my_tests"));
  EXPECT_THAT(cli.run("").err, AllOf(HasSubstr("recshim: "), HasSubstr("recshim --help")));
  EXPECT_THAT(
      cli.run("run --mdoe live -- true").err,
      AllOf(HasSubstr("recshim run: "), HasSubstr("--mdoe"), HasSubstr("recshim run --help")));
  EXPECT_EQ(cli.run("help run").out, cli.run("run --help").out);
  EXPECT_EQ(cli.run("help").out, cli.run("--help").out);
  EXPECT_THAT(cli.run("run --help").out, HasSubstr("recshim run [OPTIONS] -- CMD"));
}

TEST(Cli, PrintsWhereTheLibraryIs) {
  const Cli cli;
  EXPECT_EQ(cli.run("library").out, EMPTY_LIBRARY "\n");
  const Cli::Output missing = cli.run("library", "RECSHIM_LIBRARY=/no/such/library.so");
  EXPECT_EQ(missing.exit_code, 1);
  EXPECT_EQ(missing.out, "");
  EXPECT_THAT(missing.err, HasSubstr("/no/such/library.so"));
}

TEST(Cli, HelpFitsATerminal) {
  std::istringstream lines(Cli().run("--help").out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100u) << line;
}

TEST(Run, ExitsAsTheCommandDid) {
  const Cli cli;
  EXPECT_EQ(cli.run("run -- sh -c 'exit 0'").exit_code, 0);
  EXPECT_EQ(cli.run("run -- sh -c 'exit 37'").exit_code, 37);
  EXPECT_EQ(cli.run("run -- sh -c 'kill -KILL $$'").exit_code, 128 + 9);
}

TEST(Run, CommandsThatCannotRunAreAsInAShell) {
  const Cli cli;
  const Cli::Output missing = cli.run("run -- no-such-command-anywhere");
  EXPECT_EQ(missing.exit_code, 127);
  EXPECT_THAT(missing.err, HasSubstr("no-such-command-anywhere"));
  EXPECT_EQ(cli.run("run -- ./runtime").exit_code, 126);
  EXPECT_EQ(cli.run("run").exit_code, 2);
}

TEST(Run, TheCommandsOwnOptionsAreItsOwn) {
  const Cli cli;
  EXPECT_EQ(cli.run("run -q -- printf '%s|' --strict -- --mode x").out, "--strict|--|--mode|x|");
  EXPECT_EQ(cli.run("run -q printf '%s|' --strict").out, "--strict|") << "-- may be left out";
  EXPECT_EQ(cli.run("run -q -- sh -c 'printf \"<%s>\" \"$@\"' sh 'a b' ''").out, "<a b><>");
  EXPECT_EQ(cli.run("run --quiet --mode=live -- list").exit_code, 127) << "no command of ours";
}

TEST(Run, TheCommandGetsTheSettings) {
  const Cli cli;
  const Cli::Output output = cli.run(
      "run -q --mode record --dir tapes --hosts a.example,b.example --test-id t::x "
      "--connect-to a.example:443=127.0.0.1:1 --journal j --log l -- env");
  EXPECT_EQ(output.exit_code, 0) << output.err;
  for (const std::string& line :
       {std::string("RECSHIM_MODE=record"), "RECSHIM_DIR=" + cli.path("tapes"),
        std::string("RECSHIM_HOSTS=a.example,b.example"), std::string("RECSHIM_TEST_ID=t::x"),
        std::string("RECSHIM_CONNECT_TO=a.example:443=127.0.0.1:1"),
        "RECSHIM_JOURNAL=" + cli.path("j"), "RECSHIM_LOG=" + cli.path("l"),
        std::string("RECSHIM_CONFIG=/dev/null"), std::string("LD_PRELOAD=" EMPTY_LIBRARY)}) {
    EXPECT_THAT(output.out, HasSubstr(line + "\n"));
  }
  EXPECT_THAT(output.out, HasSubstr("RECSHIM_SESSION="));
}

TEST(Run, KeepsTheUsersOwnPreload) {
  const Cli::Output output =
      Cli().run("run -q -- printenv LD_PRELOAD",
                "ASAN_OPTIONS=verify_asan_link_order=0 LD_PRELOAD=libm.so.6");
  EXPECT_EQ(output.out, EMPTY_LIBRARY ":libm.so.6\n");
}

TEST(Run, BadSettingsStopItBeforeTheCommandRuns) {
  const Cli cli;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--mode reply", "RECSHIM_MODE"},           {"--hosts 'a b'", "RECSHIM_HOSTS"},
      {"--connect-to a=b", "RECSHIM_CONNECT_TO"}, {"--config none.json", "RECSHIM_CONFIG"},
      {"--sealed --supervise=never", "--sealed"}, {"--supervise=maybe", "--supervise"},
      {"--journal none/j", "RECSHIM_JOURNAL"},    {"--log none/log", "RECSHIM_LOG"},
      {"--dir /dev/null", "RECSHIM_DIR"}};
  for (const auto& [option, message] : cases) {
    const Cli::Output output = cli.run("run " + option + " -- touch ran");
    EXPECT_EQ(output.exit_code, 2) << option;
    EXPECT_THAT(output.err, HasSubstr(message)) << option;
  }
  EXPECT_FALSE(std::filesystem::exists(cli.path("ran")));
}

TEST(Run, SaysWhereTheLibraryShouldBe) {
  const Cli::Output output = Cli().run("run -- true", "RECSHIM_LIBRARY=/no/such/library.so");
  EXPECT_EQ(output.exit_code, 2);
  EXPECT_THAT(output.err, AllOf(HasSubstr("/no/such/library.so"), HasSubstr("RECSHIM_LIBRARY")));
}

TEST(Run, ALibraryThatTheLoaderWouldNotTakeStopsItBeforeTheCommandRuns) {
  const Cli cli;
  const std::string library = cli.path("librecshim.so");
  const auto run_with = [&](std::string content) {
    std::ofstream(library) << content;
    return cli.run("run -- touch ran", "RECSHIM_LIBRARY=" + library);
  };
  const std::string whole = read_text(EMPTY_LIBRARY);
  std::string emptied = whole;
  std::fill(emptied.begin() + 1024, emptied.end() - 1024, '\0');
  for (const std::string& content :
       {std::string("garbage"), std::string(), whole.substr(0, 100), whole.substr(0, 4096),
        whole.substr(0, whole.size() - 1), emptied}) {
    const Cli::Output output = run_with(content);
    EXPECT_EQ(output.exit_code, 2) << content.size();
    EXPECT_THAT(output.err, AllOf(HasSubstr(library + " is "), HasSubstr("install recshim again")));
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
    EXPECT_FALSE(std::filesystem::exists(cli.path("ran")));
  }
  EXPECT_EQ(run_with(whole).exit_code, 0);
}

TEST(Run, AStaticProgramNeedsTheSupervisorButInLive) {
  const Cli cli;
  for (const char* mode : {"replay", "record"}) {
    const std::string run = std::string("run --mode ") + mode;
    const Cli::Output output = cli.run(run + " --supervise=never -- '" STATIC_PROGRAM "'");
    EXPECT_EQ(output.exit_code, 126) << mode;
    EXPECT_THAT(output.err, HasSubstr("statically linked"));
    EXPECT_EQ(cli.run(run + " -- '" STATIC_PROGRAM "'").exit_code, 0) << mode;
  }
  EXPECT_EQ(cli.run("run --mode live --supervise=never -- '" STATIC_PROGRAM "'").exit_code, 0);
}

TEST(Run, AProgramWithASanitizerGetsItsRuntimeFirst) {
  const Cli cli;
  const Cli::Output output = cli.run("run -q -- '" ASAN_PROGRAM "'");
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_EQ(output.err, "");
}

// What the library would account for at each exchange, told by the command instead.
std::string journal_command(const Cli& cli, const std::vector<control::Outcome>& outcomes) {
  std::ofstream lines(cli.path("lines"));
  for (const control::Outcome outcome : outcomes) {
    control::JournalLine line;
    line.outcome = outcome;
    line.method = "POST";
    line.url = "https://api.example.com/" + std::string(control::outcome_name(outcome));
    line.test_id = "t.py::x";
    lines << control::to_json_line(line);
  }
  return ACCOUNT_PROGRAM " lines 3";
}

TEST(Run, SumsUpWhatHappened) {
  using control::Outcome;
  const Cli cli;
  const std::string command = journal_command(
      cli, {Outcome::kHit, Outcome::kHit, Outcome::kMiss, Outcome::kRecorded, Outcome::kUnchanged,
            Outcome::kLost, Outcome::kRefused, Outcome::kPassed});
  Cli::Output output = cli.run("run -- " + command);
  EXPECT_EQ(output.exit_code, 3);
  EXPECT_THAT(output.err, HasSubstr("recshim: 2 replayed, 1 missed, 1 recorded, 1 unchanged, "
                                    "1 lost, 1 refused, 1 left alone (" +
                                    cli.path("recordings") + ")\n"));
  EXPECT_THAT(output.err, HasSubstr("  missed: POST https://api.example.com/miss  [t.py::x]\n"));
  EXPECT_EQ(output.out, "") << "the command's output stays its own";

  output = cli.run("run --quiet -- " + command);
  EXPECT_EQ(output.err, "");

  output = cli.run("run --json -- " + command);
  EXPECT_THAT(output.err, HasSubstr("\"replayed\":2,\"borrowed\":0,\"missed\":1"));
  EXPECT_THAT(output.err, HasSubstr("\"exit_code\":3"));
}

TEST(Run, StrictWantsWholeRecordings) {
  using control::Outcome;
  const Cli cli;
  for (const Outcome outcome : {Outcome::kLost, Outcome::kUnrecorded}) {
    const std::string command = journal_command(cli, {Outcome::kRecorded, outcome});
    for (const char* mode : {"record", "record-if-missing"}) {
      const std::string run = std::string("run --mode ") + mode;
      EXPECT_EQ(cli.run(run + " --strict -- " + command).exit_code, 86) << mode;
      EXPECT_EQ(cli.run(run + " -- " + command).exit_code, 3) << mode;
    }
  }
}

TEST(Run, StrictTurnsAMissIntoStatus86) {
  using control::Outcome;
  const Cli cli;
  const std::string missed = journal_command(cli, {Outcome::kHit, Outcome::kMiss});
  EXPECT_EQ(cli.run("run --strict -- " + missed).exit_code, 86);
  EXPECT_EQ(cli.run("run -- " + missed).exit_code, 3);
  const std::string refused = journal_command(cli, {Outcome::kHit, Outcome::kRefused});
  EXPECT_EQ(cli.run("run --strict -- " + refused).exit_code, 86);
  const std::string answered = journal_command(cli, {Outcome::kHit, Outcome::kRecorded});
  EXPECT_EQ(cli.run("run --strict -- " + answered).exit_code, 3);
}

TEST(Run, RemovesItsSessionAndLeavesTheUsersOwn) {
  const Cli cli;
  EXPECT_EQ(cli.run("run -- true").exit_code, 0);
  EXPECT_TRUE(std::filesystem::is_empty(cli.path("runtime/recshim")));

  const std::string command = journal_command(cli, {control::Outcome::kHit});
  for (int run = 0; run < 2; ++run) {
    const Cli::Output output = cli.run("run -- " + command, "RECSHIM_SESSION=mine");
    EXPECT_THAT(output.err, HasSubstr("recshim: 1 replayed (")) << "its own lines only";
  }
  EXPECT_TRUE(std::filesystem::exists(cli.path("runtime/recshim/mine/memory")));
}

TEST(Run, TellsWhenNothingWasSeen) {
  const Cli::Output output = Cli().run("run -- true");
  EXPECT_THAT(output.err, HasSubstr("no request to a configured host was seen"));
  EXPECT_THAT(output.err, HasSubstr("every request will miss")) << "there is no folder";
}

TEST(Gateway, ASessionsFolderLiesInAnother) {
  const Cli cli;
  for (const char* folder : {"/recshim-none", "none"}) {
    const Cli::Output output = cli.run(std::string("gateway --session-dir ") + folder);
    EXPECT_EQ(output.exit_code, 1);
    EXPECT_EQ(output.err, std::string("recshim: ") + folder +
                              " cannot be a session's folder: name one in a folder of yours, by "
                              "its absolute path\n");
    EXPECT_FALSE(std::filesystem::exists(folder));
    EXPECT_FALSE(std::filesystem::exists(cli.path(folder)));
  }
}

TEST(Run, LiveLooksAtNothing) {
  EXPECT_THAT(Cli().run("run --mode live -- true").err,
              HasSubstr("recshim: mode live, so nothing was recorded or replayed"));
}

TEST(Run, ForwardsSignals) {
  const Cli cli;
  // The command signals its parent, recshim, and waits to get the same signal back.
  const Cli::Output output = cli.run(
      "run -q -- sh -c 'trap \"exit 44\" TERM; kill -TERM $PPID; i=0; "
      "while [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done; exit 1'");
  EXPECT_EQ(output.exit_code, 44);
}

}  // namespace
}  // namespace recshim::tools
