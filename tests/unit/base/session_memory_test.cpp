// The memory that a session's processes share: what is written is there for all of them, whenever
// one of them is killed, and what can't be written or read is said.
#include "shim/base/session_memory.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "tests/unit/base/temp_dir.h"

namespace recshim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<SessionMemory> memory_of(uint64_t bytes = SessionMemory::kBytes) {
  return std::move(*SessionMemory::make_private(bytes));
}

TEST(SessionMemory, CellsBeginAtZeroAndChangeFromWhatTheyAre) {
  const auto memory = memory_of();
  const SessionMemory::Name name("kind", "a");
  EXPECT_EQ(*memory->cell(name), 0u);
  EXPECT_EQ(*memory->exchange(name, 1, 2), false);
  EXPECT_EQ(*memory->exchange(name, 0, 7), true);
  EXPECT_EQ(*memory->add(name, 2), 9u);
  EXPECT_EQ(*memory->cell(name), 9u);
  EXPECT_EQ(*memory->cell({"kin", "da"}), 0u) << "another name";
}

TEST(SessionMemory, ValuesStayInTheirOrder) {
  const auto memory = memory_of();
  const SessionMemory::Name name("kind", "a");
  EXPECT_EQ(*memory->newest(name), std::nullopt);
  for (const char* value : {"one", "", "three"}) ASSERT_TRUE(memory->append(name, value).ok());
  EXPECT_THAT(*memory->values(name), ElementsAre("one", "", "three"));
  EXPECT_EQ(*memory->newest(name), "three");
  EXPECT_EQ(*memory->append_first(name, "four"), "one");
  EXPECT_EQ(*memory->append_first({"kind", "b"}, "first"), "first");
}

TEST(SessionMemory, HoldsWhatManyThreadsWriteAtOnce) {
  const auto memory = memory_of();
  constexpr int kThreads = 8;
  constexpr int kRounds = 2000;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kRounds; ++i) {
        const SessionMemory::Name name("list", std::to_string(i % 50));
        EXPECT_TRUE(memory->append(name, std::to_string(thread * kRounds + i)).ok());
        EXPECT_TRUE(memory->add({"cell", std::to_string(i)}, 1).ok());
        memory->count(3);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::string> seen;
  for (int i = 0; i < 50; ++i) {
    const auto values = memory->values({"list", std::to_string(i)});
    ASSERT_TRUE(values.ok());
    seen.insert(values->begin(), values->end());
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kThreads * kRounds));
  for (int i = 0; i < kRounds; ++i) EXPECT_EQ(*memory->cell({"cell", std::to_string(i)}), 8u);
  EXPECT_EQ(memory->counter(3), static_cast<uint64_t>(kThreads * kRounds));
}

TEST(SessionMemory, AProcessThatIsKilledLeavesItUsable) {
  const auto memory = memory_of();
  const SessionMemory::Name name("list", "");
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      for (;;) {
        if (!memory->append(name, "abc") || !memory->add(name, 1)) _exit(0);
      }
    }
    usleep(1000);
    kill(child, SIGKILL);
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    ASSERT_TRUE(memory->append(name, "abc").ok());
  }
  const auto values = memory->values(name);
  ASSERT_TRUE(values.ok());
  EXPECT_GE(values->size(), 20u);
  for (const auto& value : *values) EXPECT_EQ(value, "abc");
}

TEST(SessionMemory, SaysThatItIsFull) {
  const auto memory = memory_of(1);
  Status added;
  for (int i = 0; i < 10'000 && added; ++i) added = memory->append({"n", std::to_string(i)}, "x");
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code, ErrorCode::kTooLarge);
  EXPECT_GT(memory->times_full(), 0u);
  EXPECT_EQ(*memory->newest({"n", "0"}), "x") << "what is in there stays";
  memory->count(1);
  EXPECT_EQ(memory->counter(1), 1u) << "counters need no space";
}

TEST(SessionMemory, AnUnreachableOneFailsInAllItDoes) {
  const auto memory = SessionMemory::unreachable({ErrorCode::kIo, "it is gone"});
  const SessionMemory::Name name("a", "b");
  EXPECT_EQ(memory->reachable().error().message, "it is gone");
  EXPECT_FALSE(memory->cell(name).ok());
  EXPECT_FALSE(memory->add(name, 1).ok());
  EXPECT_FALSE(memory->exchange(name, 0, 1).ok());
  EXPECT_FALSE(memory->append(name, "").ok());
  EXPECT_FALSE(memory->append_first(name, "").ok());
  EXPECT_FALSE(memory->newest(name).ok());
  EXPECT_FALSE(memory->values(name).ok());
  memory->count(0);
  EXPECT_EQ(memory->counter(0), 0u);
  EXPECT_EQ(memory->fd(), -1);
}

TEST(SessionMemory, IsFoundByItsDescriptorAndByTheProcessThatHasIt) {
  const auto made = SessionMemory::make("mine");
  ASSERT_TRUE(made.ok()) << made.error().message;
  const int fd = (*made)->fd();
  EXPECT_GE(fd, 50) << "out of the way of the program's numbers";
  EXPECT_EQ(fcntl(fd, F_GETFD), 0) << "programs that are executed have it too";
  ASSERT_TRUE((*made)->append({"a", ""}, "value").ok());
  const auto inherited = SessionMemory::attach(dup(fd), "mine");
  ASSERT_TRUE(inherited.ok()) << inherited.error().message;
  EXPECT_EQ(*(*inherited)->newest({"a", ""}), "value");
  const pid_t child = fork();
  if (child == 0) {
    close(fd);
    const auto found = SessionMemory::attach_to(getppid(), fd, "mine");
    _exit(found.ok() && (*found)->add({"cell", ""}, 5).ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*(*inherited)->cell({"cell", ""}), 5u);
}

TEST(SessionMemory, WhatStandsInItsPlaceIsNotTouched) {
  const auto made = SessionMemory::make("mine");
  ASSERT_TRUE(made.ok());
  const auto others = SessionMemory::attach((*made)->fd(), "another");
  ASSERT_FALSE(others.ok());
  EXPECT_THAT(others.error().message, HasSubstr("another session's"));
  EXPECT_EQ(fcntl((*made)->fd(), F_GETFD), 0) << "the descriptor stays open";
  const testing::TempDir folder;
  const std::string path = folder.path() + "/file";
  std::ofstream(path) << std::string(100'000, 'x');
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_FALSE(SessionMemory::attach(fd, "mine").ok());
  close(fd);
  EXPECT_FALSE(SessionMemory::attach(fd, "mine").ok()) << "a closed one";
}

TEST(SessionMemory, InAFileItOutlivesItsProcesses) {
  const testing::TempDir folder;
  const std::string path = folder.path() + "/memory";
  {
    const auto made = SessionMemory::open_file(path, "named");
    ASSERT_TRUE(made.ok()) << made.error().message;
    ASSERT_TRUE((*made)->append({"a", ""}, "value").ok());
  }
  const auto again = SessionMemory::open_file(path, "named");
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(*(*again)->newest({"a", ""}), "value");
  EXPECT_FALSE(SessionMemory::open_file(path, "other").ok());
  EXPECT_FALSE(SessionMemory::open_file(folder.path() + "/none/memory", "named").ok());
}

TEST(SessionMemory, ALimitOfFileSizesMakesItSmaller) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{100'000, 100'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto small = SessionMemory::make("s");
    const rlimit tiny{100, 100};
    setrlimit(RLIMIT_FSIZE, &tiny);
    const auto none = SessionMemory::make("s");
    _exit(small.ok() && (*small)->add({"a", ""}, 1).ok() && !none.ok() ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

// Every part of it is looked at before it is followed.
TEST(SessionMemory, DamageIsAnError) {
  const testing::TempDir folder;
  const std::string path = folder.path() + "/memory";
  const auto made = SessionMemory::open_file(path, "named");
  ASSERT_TRUE(made.ok());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE((*made)->append({"a", std::to_string(i % 10)}, std::string(i, 'v')).ok());
  }
  const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
  const uint32_t heap = (320 + (1u << 16) * 4 + 7) & ~7u;
  const uint32_t bad[] = {0xFFFFFFFF, 0x7FFFFFFF, 1, 3, heap - 8, 8u << 20, (8u << 20) - 4, heap};
  for (uint32_t at = heap; at < heap + 4000; at += 4) {
    uint32_t was = 0;
    ASSERT_EQ(pread(fd, &was, sizeof was, at), 4);
    for (const uint32_t value : bad) {
      ASSERT_EQ(pwrite(fd, &value, sizeof value, at), 4);
      for (int i = 0; i < 10; ++i) {
        (void)(*made)->values({"a", std::to_string(i)});
        (void)(*made)->cell({"a", std::to_string(i)});
      }
    }
    ASSERT_EQ(pwrite(fd, &was, sizeof was, at), 4);
  }
  close(fd);
}

}  // namespace
}  // namespace recshim
