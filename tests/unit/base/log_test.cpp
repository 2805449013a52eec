// The log: line format, forks, threads, and what a user is told on stderr.
#include "shim/base/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <regex>
#include <sstream>
#include <thread>

#include "shim/base/env.h"
#include "shim/base/sys.h"
#include "tests/unit/base/temp_dir.h"

namespace recshim::log {
namespace {

using ::testing::HasSubstr;

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override { open("", Level::kOff); }
  std::vector<std::string> lines() {
    auto content = posix_env().read_file(path_);
    EXPECT_TRUE(content.ok());
    std::vector<std::string> out;
    std::istringstream stream(content.ok() ? *content : "");
    for (std::string line; std::getline(stream, line);) out.push_back(line);
    return out;
  }

  recshim::testing::TempDir temp_;
  std::string path_ = temp_.path() + "/log";
};

TEST_F(LogTest, LineHoldsTimePidLevelAndText) {
  ASSERT_TRUE(open(path_, Level::kInfo));
  info("hello {}", 42);
  debug("not at this level");
  warn("two\nlines\r");
  ASSERT_EQ(lines().size(), 2U);
  const std::string pid = std::to_string(::getpid());
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z )";
  EXPECT_TRUE(std::regex_match(lines()[0], std::regex(time + pid + " info hello 42")));
  EXPECT_TRUE(std::regex_match(lines()[1], std::regex(time + pid + " warning two lines ")));
}

TEST_F(LogTest, TimeIsUtcNow) {
  ASSERT_TRUE(open(path_, Level::kInfo));
  // Not time(2), whose clock lags behind by a tick.
  const auto now = [] { return static_cast<time_t>(posix_env().wall_time_us() / 1'000'000); };
  const time_t before = now();
  info("x");
  struct tm parts {};
  const std::string line = lines()[0];
  ASSERT_NE(::strptime(line.c_str(), "%Y-%m-%dT%H:%M:%S", &parts), nullptr);
  const time_t logged = ::timegm(&parts);
  EXPECT_GE(logged, before);
  EXPECT_LE(logged, now());
}

TEST_F(LogTest, NothingIsWrittenUnlessOpened) {
  EXPECT_FALSE(enabled(Level::kError));
  error("dropped");
  EXPECT_TRUE(open("", Level::kTrace));
  EXPECT_FALSE(enabled(Level::kError));
  EXPECT_FALSE(open(temp_.path() + "/no/such/folder", Level::kInfo));
  EXPECT_FALSE(enabled(Level::kError));
}

TEST_F(LogTest, KeepsErrnoAndAppends) {
  ASSERT_TRUE(posix_env().append(path_, "there before\n").ok());
  ASSERT_TRUE(open(path_, Level::kTrace));
  errno = ENOTTY;
  write(Level::kError, "x");
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(lines().size(), 2U);
}

TEST_F(LogTest, ThreadsAndForkedChildrenWriteWholeLines) {
  ASSERT_TRUE(open(path_, Level::kInfo));
  const std::string text(300, 'x');
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 100; ++j) info("{}", text);
    });
  }
  // Forked while the threads are writing: a lock held by one would hang the child.
  std::vector<pid_t> children;
  for (int i = 0; i < 5; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::alarm(20);
      info("child {}", ::getpid());
      ::_exit(0);
    }
    children.push_back(child);
  }
  for (std::thread& thread : threads) thread.join();
  for (const pid_t child : children) {
    int status = -1;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
    const std::string line = " " + std::to_string(child) + " info child " + std::to_string(child);
    EXPECT_THAT(lines(), ::testing::Contains(HasSubstr(line)));
  }
  const auto all = lines();
  EXPECT_EQ(all.size(), 405U);
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [&](const std::string& line) { return line.ends_with(" info " + text); }),
            400);
}

TEST_F(LogTest, ADescriptorTheProgramTookOverIsLeftAlone) {
  ASSERT_TRUE(open(path_, Level::kInfo));
  int log_fd = -1;
  for (int fd = sys::kHighFd; fd < sys::kHighFd + 100; ++fd) {
    char target[256] = {};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    if (::readlink(link.c_str(), target, sizeof target - 1) > 0 && path_ == target) log_fd = fd;
  }
  ASSERT_GE(log_fd, sys::kHighFd);
  const std::string other = temp_.path() + "/other";
  const int other_fd = ::open(other.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  ASSERT_EQ(::dup3(other_fd, log_fd, O_CLOEXEC), log_fd);
  info("still logged");
  EXPECT_EQ(*posix_env().read_file(other), "");
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_THAT(lines()[0], HasSubstr("still logged"));
  ::close(other_fd);
}

TEST_F(LogTest, LevelNames) {
  bool ok = false;
  EXPECT_EQ(level_from_name("trace", &ok), Level::kTrace);
  EXPECT_TRUE(ok);
  EXPECT_EQ(level_from_name("error", &ok), Level::kError);
  EXPECT_TRUE(ok);
  EXPECT_EQ(level_from_name("off", &ok), Level::kOff);
  EXPECT_TRUE(ok);
  EXPECT_EQ(level_from_name("INFO", &ok), Level::kOff);
  EXPECT_FALSE(ok);
}

// fd 2 is exchanged for files, and given back.
class TellUserTest : public LogTest {
 protected:
  void SetUp() override { saved_ = ::dup(2); }
  void TearDown() override {
    ::dup2(saved_, 2);
    ::close(saved_);
    LogTest::TearDown();
  }
  void stderr_to(const std::string& name) {
    const int fd = ::open((temp_.path() + "/" + name).c_str(), O_RDWR | O_CREAT | O_APPEND, 0600);
    ::dup2(fd, 2);
    ::close(fd);
  }
  std::string content(const std::string& name) {
    return *posix_env().read_file(temp_.path() + "/" + name);
  }
  int saved_ = -1;
};

TEST_F(TellUserTest, OneLineOnTheStderrOfTheStart) {
  stderr_to("err");
  remember_stderr();
  errno = EAGAIN;
  tell_user("miss\nGET /x");
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(content("err"), "recshim: miss GET /x\n");
}

TEST_F(TellUserTest, NothingOnceStderrIsAnotherFile) {
  stderr_to("err");
  remember_stderr();
  stderr_to("the programs own");
  ASSERT_TRUE(open(path_, Level::kInfo));
  tell_user("miss");
  EXPECT_EQ(content("err"), "");
  EXPECT_EQ(content("the programs own"), "");
  ASSERT_EQ(lines().size(), 1U);
  EXPECT_THAT(lines()[0], HasSubstr(" error miss"));
}

TEST_F(TellUserTest, NothingWhereStderrWasClosedAtTheStart) {
  ::close(2);
  remember_stderr();
  stderr_to("later");
  tell_user("miss");
  EXPECT_EQ(content("later"), "");
}

}  // namespace
}  // namespace recshim::log
