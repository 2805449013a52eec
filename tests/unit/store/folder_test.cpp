// What a search of the folder passes over, and where it ends. On real files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim/base/interruption.h"
#include "shim/store/index.h"
#include "tests/unit/base/temp_dir.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using testing::Ask;
using ::testing::HasSubstr;

struct Folders : ::testing::Test {
  Folders() {
    EXPECT_TRUE(env.make_dirs(dir).ok());
    options = testing::options_for("folders");
    options.dir = dir;
    options.session_dir = temp.path() + "/session";
    options.cache_dir = temp.path() + "/cache";
  }
  void record(const Ask& ask, const std::string& text) {
    Store store(env, options);
    auto exchange = testing::exchange_of(ask, {200, "application/json", text, ""});
    ASSERT_TRUE(store.save(exchange).ok());
  }
  void link(const std::string& to, const std::string& name) {
    ASSERT_EQ(::symlink(to.c_str(), (dir + "/" + name).c_str()), 0);
  }
  std::shared_ptr<const Index> search() {
    return Index::refresh(env, {dir, "", {}}, nullptr, true);
  }

  recshim::testing::TempDir temp;
  Env& env = posix_env();
  std::string dir = temp.path() + "/recordings";
  StoreOptions options;
};

TEST_F(Folders, WhatIsNoOrdinaryFileIsPassedOverAndNamed) {
  record({}, "{}");
  ASSERT_EQ(::mkfifo((dir + "/fifo.json").c_str(), 0600), 0);
  link("/dev/zero", "endless.json");
  link("/", "disk");
  link(".", "again");
  link("nowhere", "dangling.json");
  const auto index = search();
  EXPECT_EQ(index->size(), 1u);
  EXPECT_TRUE(index->whole().ok());
  EXPECT_THAT(index->passed_over(),
              ::testing::UnorderedElementsAre(
                  "fifo.json: no regular file",
                  "endless.json: a link that leads out of the folder, to /dev/zero",
                  "disk: a link that leads out of the folder, to /",
                  "dangling.json: a link that leads nowhere"));
  Store store(env, options);
  Ask other;
  other.body = R"({"model":"m","messages":[]})";
  for (const bool first : {true, false}) {
    const auto lookup = store.find(testing::request_of(other));
    ASSERT_TRUE(lookup.ok());
    const auto* const missing = std::get_if<Missing>(&*lookup);
    ASSERT_NE(missing, nullptr);
    EXPECT_THAT(missing->diagnosis, HasSubstr("passed over in " + dir));
    EXPECT_EQ(missing->summary.find("and 3 more") != std::string::npos, first) << "told once";
  }
}

TEST_F(Folders, WhatStandsInARecordingsPlaceIsAnErrorAndStays) {
  record({}, "{}");
  const auto files = env.list(dir);
  ASSERT_TRUE(files.ok());
  const std::string path = dir + "/" + files->front().name;
  ASSERT_TRUE(env.write_atomic(temp.path() + "/outside.json", *env.read_file(path)).ok());
  const auto put = [&](const std::string& what) {
    ASSERT_EQ(::unlink(path.c_str()), 0);
    const std::string outside = temp.path() + "/outside.json";
    ASSERT_EQ(
        what == "fifo" ? ::mkfifo(path.c_str(), 0600) : ::symlink(outside.c_str(), path.c_str()),
        0);
  };
  for (const char* what : {"fifo", "link"}) {
    put(what);
    options.memory = testing::memory_of(what);
    Store store(env, options);
    EXPECT_THAT(testing::replayed(store, {}),
                ::testing::AllOf(HasSubstr("ERROR"), HasSubstr(path)));
    auto exchange = testing::exchange_of({}, {200, "application/json", "[]", ""});
    const auto saved = store.save(exchange);
    ASSERT_FALSE(saved.ok());
    EXPECT_THAT(saved.error().message, HasSubstr(path));
    struct stat info {};
    ASSERT_EQ(::lstat(path.c_str(), &info), 0);
    EXPECT_FALSE(S_ISREG(info.st_mode)) << "it was not ours to replace";
  }
}

TEST_F(Folders, ASearchThatDoesNotEndIsGivenUpAndIsNoMiss) {
  std::string deep = dir;
  for (int i = 0; i < 40; ++i) deep += "/d";
  ASSERT_TRUE(env.make_dirs(deep).ok());
  EXPECT_THAT(search()->whole().error().message, HasSubstr("was given up"));
  Store store(env, options);
  EXPECT_THAT(testing::replayed(store, {}), HasSubstr("ERROR"));
}

TEST_F(Folders, ASearchCanBeInterruptedAndGoesOnNextTime) {
  recshim::testing::MemoryEnv memory;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(memory.write_atomic("/r/" + std::to_string(i) + ".json", "{}").ok());
  }
  size_t seen = 0;
  const Index::Options searched{"/r", "", {}, [&](const Index::Progress& progress) {
                                  seen = progress.files;
                                  if (seen == 4) memory.advance_us(2'000'000);
                                }};
  set_interruption_check([] { return true; });
  const auto part = Index::refresh(memory, searched, nullptr, true);
  set_interruption_check(nullptr);
  EXPECT_EQ(seen, 4u) << "a second is given";
  EXPECT_THAT(part->whole().error().message, HasSubstr("was interrupted"));
  const auto all = Index::refresh(memory, searched, part, false);
  EXPECT_EQ(all->size(), 10u);
  EXPECT_TRUE(all->whole().ok());
}

}  // namespace
}  // namespace recshim::store
