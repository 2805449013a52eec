// Statuses, environment and inherited signals of a launched program.
#include "tools/recshim/launch.h"

#include <gmock/gmock.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

namespace recshim::tools {
namespace {

TEST(Launch, GivesTheStatusBack) {
  EXPECT_EQ(launch({"sh", "-c", "exit 5"}, {}).exit_code, 5);
  EXPECT_EQ(launch({"sh", "-c", "exit 5"}, {}, {}, [] { return true; }).exit_code, 5);
  EXPECT_EQ(launch({"sh", "-c", "exit 5"}, {}, {}, [] { return false; }).exit_code, 126);
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

// A shell's script under launch(), which leads the session of a terminal of its own.
class AtATerminal {
 public:
  explicit AtATerminal(const std::string& script) {
    leader_ = forkpty(&terminal_, nullptr, nullptr, nullptr);
    if (leader_ != 0) return;
    alarm(20);
    _exit(launch({"sh", "-c", script}, {}).exit_code);
  }
  ~AtATerminal() { close_it(); }
  AtATerminal(const AtATerminal&) = delete;
  AtATerminal& operator=(const AtATerminal&) = delete;

  // What it prints, until `text` is among it or it has ended.
  std::string output_until(const std::string& text) const {
    std::string output;
    std::array<char, 256> part{};
    while (output.find(text) == std::string::npos) {
      const ssize_t got = read(terminal_, part.data(), part.size());
      if (got <= 0) break;
      output.append(part.data(), static_cast<size_t>(got));
    }
    return output;
  }
  void type(char key) const { ASSERT_EQ(write(terminal_, &key, 1), 1); }
  void close_it() {
    if (terminal_ >= 0) close(terminal_);
    terminal_ = -1;
  }
  // launch()'s, once it has ended; 128 + n where signal n ended the leader itself.
  [[nodiscard]] int exit_code() const {
    int status = 0;
    waitpid(leader_, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  int terminal_ = -1;
  pid_t leader_ = -1;
};

TEST(Launch, AClosedTerminalEndsTheProgram) {
  AtATerminal plain("echo ready; exec sleep 60");
  EXPECT_THAT(plain.output_until("ready"), testing::HasSubstr("ready"));
  plain.close_it();
  EXPECT_EQ(plain.exit_code(), 128 + SIGHUP);

  AtATerminal trapping("trap 'exit 7' HUP; echo ready; sleep 60 & wait");
  EXPECT_THAT(trapping.output_until("ready"), testing::HasSubstr("ready"));
  trapping.close_it();
  EXPECT_EQ(trapping.exit_code(), 7);

  AtATerminal stopped("echo ready; kill -STOP $$; exec sleep 60");
  EXPECT_THAT(stopped.output_until("ready"), testing::HasSubstr("ready"));
  usleep(100'000);
  stopped.close_it();
  EXPECT_EQ(stopped.exit_code(), 128 + SIGHUP);
}

TEST(Launch, AKeyIsNotPassedOnTwice) {
  const AtATerminal terminal(
      "trap 'echo int' INT; echo ready; for i in 1 2 3 4 5 6; do sleep .05; done; echo done; exit "
      "3");
  EXPECT_THAT(terminal.output_until("ready"), testing::HasSubstr("ready"));
  terminal.type(3);
  const std::string output = terminal.output_until("done");
  EXPECT_THAT(output, testing::HasSubstr("int"));
  EXPECT_EQ(output.find("int"), output.rfind("int")) << output;
  EXPECT_EQ(terminal.exit_code(), 3);
}

}  // namespace
}  // namespace recshim::tools
