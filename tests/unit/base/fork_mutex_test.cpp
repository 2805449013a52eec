// Mutexes over fork(2): whole in the child, whatever other threads do with them meanwhile.
#include "shim/base/fork_mutex.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace recshim {
namespace {

// A child that takes what it is given, and is killed by its alarm when it can't.
template <typename Take>
bool forked_child_can(const Take& take) {
  lock_all_for_fork();
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    unlock_all_in_child();
    take();
    _exit(0);
  }
  unlock_all_in_parent();
  int status = 1;
  return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

TEST(ForkMutex, IsFreeInAChildAndWhatItGuardsIsWhole) {
  ForkMutex outer(LockRank::kStore);
  ForkMutex inner(LockRank::kStreams);
  std::atomic<bool> enough{false};
  int first = 0;
  int second = 0;
  std::thread busy([&] {
    while (!enough) {
      const std::lock_guard outer_lock(outer);
      ++first;
      const std::lock_guard inner_lock(inner);
      ++second;
    }
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(forked_child_can([&] {
      const std::lock_guard outer_lock(outer);
      const std::lock_guard inner_lock(inner);
      if (first != second) _exit(1);
    }));
  }
  enough = true;
  busy.join();
}

TEST(ForkMutex, MayBeMadeAndDestroyedWhileAnotherThreadForks) {
  ForkMutex kept(LockRank::kSocket);
  std::atomic<bool> enough{false};
  std::vector<std::thread> makers;
  for (int i = 0; i < 3; ++i) {
    makers.emplace_back([&] {
      while (!enough) {
        const std::lock_guard held(kept);
        ForkMutex made(LockRank::kTap);
        const std::lock_guard lock(made);
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    EXPECT_TRUE(forked_child_can([&] {
      const std::lock_guard held(kept);
      ForkMutex made(LockRank::kTap);
      const std::lock_guard lock(made);
    }));
  }
  enough = true;
  for (auto& maker : makers) maker.join();
}

TEST(ForkMutex, ThreadsThatForkAtOnceTakeTurns) {
  ForkMutex mutex(LockRank::kStore);
  std::vector<std::thread> forkers;
  std::atomic<int> good{0};
  for (int i = 0; i < 4; ++i) {
    forkers.emplace_back([&] {
      for (int k = 0; k < 20; ++k) {
        good += forked_child_can([&] { const std::lock_guard lock(mutex); });
      }
    });
  }
  for (auto& forker : forkers) forker.join();
  EXPECT_EQ(good, 80);
}

#ifndef NDEBUG
TEST(ForkMutexDeathTest, TakingThemOutOfOrderIsAnError) {
  ForkMutex outer(LockRank::kStore);
  ForkMutex inner(LockRank::kStreams);
  const std::lock_guard lock(inner);
  EXPECT_DEATH(outer.lock(), "held_ranks");
}
#endif

}  // namespace
}  // namespace recshim
