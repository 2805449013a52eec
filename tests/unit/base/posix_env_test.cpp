// What only PosixEnv has: descriptors, forks, permissions, file systems without O_TMPFILE.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "shim/base/posix_file.h"
#include "shim/base/sys.h"
#include "tests/unit/base/temp_dir.h"

namespace recshim {
namespace {

using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<std::string> names(const std::string& dir) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    out.push_back(entry.path().filename().string());
  }
  return out;
}

std::vector<int> open_fds() {
  std::vector<int> fds;
  for (int fd = 0; fd < 2048; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) fds.push_back(fd);
  }
  return fds;
}

// Runs f in a forked child; true if it returned true there.
template <typename F>
bool in_child(F f) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(f() ? 0 : 1);
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class PosixEnvTest : public ::testing::Test {
 protected:
  std::string at(const std::string& name) { return temp_.path() + "/" + name; }
  testing::TempDir temp_;
  Env& env_ = posix_env();
};

TEST_F(PosixEnvTest, KeepsOnlyHighCloseOnExecDescriptors) {
  const std::vector<int> before = open_fds();
  ASSERT_TRUE(env_.write_atomic(at("f"), "x").ok());
  ASSERT_TRUE(env_.append(at("f"), "y").ok());
  ASSERT_TRUE(env_.read_file(at("f")).ok());
  ASSERT_TRUE(env_.list(temp_.path()).ok());
  EXPECT_EQ(open_fds(), before);
  {
    auto spill = env_.create_spill(at("d"));
    auto file = env_.open_readonly(at("f"));
    auto lock = env_.lock(at("lock"));
    ASSERT_TRUE(spill.ok() && file.ok() && lock.ok());
    int added = 0;
    for (const int fd : open_fds()) {
      if (std::find(before.begin(), before.end(), fd) != before.end()) continue;
      ++added;
      EXPECT_GE(fd, sys::kHighFd);
      EXPECT_EQ(::fcntl(fd, F_GETFD), FD_CLOEXEC);
    }
    EXPECT_EQ(added, 3);
  }
  EXPECT_EQ(open_fds(), before);
}

TEST_F(PosixEnvTest, NamedFallbackBehavesAsTheUnnamedFile) {
  auto spill = posix::create_spill(env_, at("d"), /*allow_unnamed=*/false);
  ASSERT_TRUE(spill.ok());
  ASSERT_TRUE((*spill)->append("text").ok());
  ASSERT_EQ(names(at("d")).size(), 1U);
  EXPECT_EQ(names(at("d"))[0].rfind(".recshim." + std::to_string(::getpid()) + "-", 0), 0U);
  // A forked child's copy must leave its parent's file alone.
  EXPECT_TRUE(in_child([&] {
    spill->reset();
    return true;
  }));
  ASSERT_TRUE((*spill)->publish(at("d/final")).ok());
  EXPECT_THAT(names(at("d")), UnorderedElementsAre("final"));
  { ASSERT_TRUE(posix::create_spill(env_, at("e"), false).ok()); }
  EXPECT_THAT(names(at("e")), IsEmpty());
}

TEST_F(PosixEnvTest, TemporaryNamesAreHiddenUniqueAndShortEnough) {
  const std::string a = posix::temporary_path("dir", std::string(255, 'n'));
  const std::string b = posix::temporary_path("dir", std::string(255, 'n'));
  EXPECT_NE(a, b);
  EXPECT_EQ(a.size(), std::string("dir/").size() + 255);
  EXPECT_EQ(a.rfind("dir/.n", 0), 0U);
  ASSERT_TRUE(env_.write_atomic(at(std::string(255, 'n')), "x").ok());
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  ASSERT_TRUE(in_child([&] {
    const std::string name = posix::temporary_path("dir", "n");
    return ::write(pipe_fds[1], name.data(), name.size()) > 0;
  }));
  char buffer[256] = {};
  ASSERT_GT(::read(pipe_fds[0], buffer, sizeof buffer - 1), 0);
  EXPECT_NE(posix::temporary_path("dir", "n"), buffer);
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
}

TEST_F(PosixEnvTest, AStaleTemporaryFileIsNotOverwritten) {
  // What a process of the same pid, killed long ago, may have left.
  const std::string next = posix::temporary_path(temp_.path(), "f");
  const size_t dash = next.rfind('-');
  const unsigned long n = std::stoul(next.substr(dash + 1));
  const std::string stale = next.substr(0, dash + 1) + std::to_string(n + 1) + ".tmp";
  ASSERT_TRUE(env_.append(stale, "stale").ok());
  ASSERT_TRUE(env_.write_atomic(at("f"), "new").ok());
  EXPECT_EQ(*env_.read_file(at("f")), "new");
  EXPECT_EQ(*env_.read_file(stale), "stale");
}

TEST_F(PosixEnvTest, AFailedWriteLeavesNoTemporaryFile) {
  ASSERT_TRUE(env_.make_dirs(at("target/occupied")).ok());
  EXPECT_FALSE(env_.write_atomic(at("target"), "x").ok());
  auto spill = env_.create_spill(temp_.path());
  ASSERT_TRUE(spill.ok());
  EXPECT_FALSE((*spill)->publish(at("target")).ok());
  spill->reset();
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("target"));
}

TEST_F(PosixEnvTest, FilesFollowTheUmask) {
  const mode_t old = ::umask(027);
  ASSERT_TRUE(env_.write_atomic(at("f"), "x").ok());
  auto spill = env_.create_spill(temp_.path());
  ASSERT_TRUE(spill.ok());
  ASSERT_TRUE((*spill)->publish(at("g")).ok());
  ASSERT_TRUE(env_.make_dirs(at("private/sub"), 0700).ok());
  ::umask(old);
  struct stat info {};
  ASSERT_EQ(::stat(at("f").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  ASSERT_EQ(::stat(at("g").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0640U);
  ASSERT_EQ(::stat(at("private/sub").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0700U);
}

TEST_F(PosixEnvTest, ALockHeldOverAForkStaysWithTheParent) {
  auto lock = env_.lock(at("lock"));
  ASSERT_TRUE(lock.ok());
  // The child drops its copy; nobody else may get the lock through that.
  ASSERT_TRUE(in_child([&] {
    lock->reset();
    const int fd = ::open(at("lock").c_str(), O_RDWR | O_CLOEXEC);
    return sys::flock(fd, 2 /*LOCK_EX*/ | 4 /*LOCK_NB*/) == -EWOULDBLOCK;
  }));
  // And a child that lives on must not keep it once the parent has let go.
  int pipe_fds[2];
  ASSERT_EQ(::pipe(pipe_fds), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(pipe_fds[1]);
    char c = 0;
    ::_exit(::read(pipe_fds[0], &c, 1) == 0 ? 0 : 1);
  }
  lock->reset();
  EXPECT_TRUE(env_.lock(at("lock")).ok());
  ::close(pipe_fds[0]);
  ::close(pipe_fds[1]);
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(PosixEnvTest, ReadsFilesThatDoNotTellTheirSize) {
  auto status = env_.read_file("/proc/self/status");
  ASSERT_TRUE(status.ok());
  EXPECT_NE(status->find("Pid:"), std::string::npos);
}

TEST_F(PosixEnvTest, ListFollowsLinksToFoldersButRemoveTreeDoesNot) {
  ASSERT_TRUE(env_.write_atomic(at("real/file"), "x").ok());
  ASSERT_TRUE(env_.make_dirs(at("tree")).ok());
  ASSERT_EQ(::symlink(at("real").c_str(), at("tree/link").c_str()), 0);
  auto entries = env_.list(at("tree"));
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 1U);
  EXPECT_TRUE(entries->front().is_directory);
  ASSERT_TRUE(env_.remove_tree(at("tree")).ok());
  EXPECT_TRUE(env_.stat(at("real/file")).ok());
}

TEST_F(PosixEnvTest, RelativePathsWork) {
  const auto old = std::filesystem::current_path();
  std::filesystem::current_path(temp_.path());
  EXPECT_TRUE(env_.write_atomic("plain", "x").ok());
  EXPECT_TRUE(env_.write_atomic("sub/plain", "x").ok());
  EXPECT_TRUE(env_.make_dirs("a/b/").ok());
  std::filesystem::current_path(old);
  EXPECT_THAT(names(temp_.path()), UnorderedElementsAre("plain", "sub", "a"));
}

}  // namespace
}  // namespace recshim
