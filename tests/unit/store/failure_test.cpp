// When the file system refuses: nothing half-written, nothing lost, and it is said.
#include <gtest/gtest.h>

#include "shim/store/recording.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using recshim::testing::EnvOp;
using recshim::testing::FailingEnv;
using recshim::testing::MemoryEnv;
using testing::Answer;
using testing::Ask;
using testing::completion;
using testing::options_for;
using testing::replayed;
using testing::saved_name;

constexpr EnvOp kWrites[] = {EnvOp::kWriteAtomic,  EnvOp::kAppend, EnvOp::kCreateSpill,
                             EnvOp::kRename,       EnvOp::kRemove, EnvOp::kMakeDirs,
                             EnvOp::kSetMtime,     EnvOp::kLock,   EnvOp::kSpillAppend,
                             EnvOp::kSpillPublish, EnvOp::kStat,   EnvOp::kList};

Answer answer(const std::string& text, bool big) {
  if (big) return {200, "application/octet-stream", std::string(300, text[0]), ""};
  return {200, "application/json", completion(text), ""};
}

// Every recording in the folder can be read and answers; gives the bodies.
std::vector<std::string> readable(MemoryEnv& env) {
  std::vector<std::string> out;
  for (auto& [path, content] : env.files()) {
    if (!path.starts_with("/recordings/") || !path.ends_with(".json")) continue;
    auto recording = Recording::parse(content);
    EXPECT_TRUE(recording.ok()) << path;
    if (!recording.ok()) continue;
    auto exchange = to_exchange(*recording, [&](const std::string& name, uint64_t size) {
      auto file = env.open_readonly("/recordings/" + name);
      return file.ok() ? Result<Body>(Body::from_file(std::move(*file), size)) : file.error();
    });
    EXPECT_TRUE(exchange.ok()) << path << (exchange.ok() ? "" : exchange.error().message);
    if (exchange.ok()) out.push_back(testing::body_text(*exchange));
  }
  return out;
}

TEST(Failures, LoseNothing) {
  for (const bool big : {false, true}) {
    for (const EnvOp op : kWrites) {
      for (int successes = 0; successes < 6; ++successes) {
        SCOPED_TRACE("op " + std::to_string(static_cast<int>(op)) + " after " +
                     std::to_string(successes) + (big ? " big" : ""));
        MemoryEnv memory;
        FailingEnv env(memory);
        Ask ask;
        if (big) ask.target = "/files/x";
        auto options = options_for("r");
        options.memory = std::move(*SessionMemory::make_private());
        options.inline_body_limit_bytes = 200;
        {
          Store record(env, options);
          saved_name(record, ask, answer("a", big));
          saved_name(record, ask, answer("b", big));
        }
        options.session_dir = "/sessions/r2";
        options.memory = std::move(*SessionMemory::make_private());
        Store record(env, options);
        env.fail(op, {ErrorCode::kIo, "refused"}, successes);
        auto exchange = testing::exchange_of(ask, answer("c", big));
        auto saved = record.save(exchange);
        env.heal();
        if (!saved.ok()) {
          EXPECT_FALSE(saved.error().message.empty());
        }
        const auto bodies = readable(memory);
        // The old answer or the new one stands under the first name, whole.
        ASSERT_FALSE(bodies.empty());
        const std::string& first = bodies.front();
        if (saved.ok()) {
          EXPECT_TRUE(std::count(bodies.begin(), bodies.end(), answer("c", big).body)) << first;
        } else {
          EXPECT_TRUE(std::count(bodies.begin(), bodies.end(), answer("a", big).body) ||
                      std::count(bodies.begin(), bodies.end(), answer("c", big).body));
        }
        // What the tail held is in its place or set aside.
        bool kept = std::count(bodies.begin(), bodies.end(), answer("b", big).body) > 0;
        for (auto& [path, content] : memory.files()) {
          kept = kept || (path.starts_with("/sessions/r2/stash/") &&
                          content.find("\"repeat\": 2") != std::string::npos);
        }
        EXPECT_TRUE(kept);
      }
    }
  }
}

// A file that can't be looked at may be there: what is recorded for another host, or was by this
// session, is never overwritten for that, be it one call that fails or all of them.
TEST(Failures, AFailedReadIsNeverAnAbsentFile) {
  for (const EnvOp op :
       {EnvOp::kReadFile, EnvOp::kOpenReadonly, EnvOp::kStat, EnvOp::kList, EnvOp::kLock}) {
    for (const int times : {1, INT_MAX}) {
      for (int successes = 0; successes < 12; ++successes) {
        SCOPED_TRACE("op " + std::to_string(static_cast<int>(op)) + " after " +
                     std::to_string(successes) + (times == 1 ? " once" : " always"));
        MemoryEnv memory;
        FailingEnv env(memory);
        auto options = options_for("r");
        options.memory = std::move(*SessionMemory::make_private());
        Store record(env, options);
        saved_name(record, {}, answer("one", false));
        Ask other;
        other.host = "api.example.com";
        saved_name(record, other, answer("other", false));
        env.fail(op, {ErrorCode::kIo, "too many open files"}, successes, times);
        auto second = testing::exchange_of({}, answer("two", false));
        auto others_second = testing::exchange_of(other, answer("other two", false));
        const bool kept = record.save(second).ok();
        const bool others_kept = record.save(others_second).ok();
        env.heal();
        Store replay(env, options);
        EXPECT_EQ(replayed(replay, {}), completion("one"));
        EXPECT_EQ(replayed(replay, other), completion("other"));
        if (kept) {
          EXPECT_EQ(replayed(replay, {}), completion("two"));
        }
        if (others_kept) {
          EXPECT_EQ(replayed(replay, other), completion("other two"));
        }
      }
    }
  }
}

TEST(Failures, AMissIsNoneWhileAFileCanNotBeRead) {
  MemoryEnv memory;
  FailingEnv env(memory);
  ASSERT_TRUE(memory.write_atomic("/recordings/another name.json", "{}").ok());
  for (const EnvOp op : {EnvOp::kReadFile, EnvOp::kList, EnvOp::kStat}) {
    auto options = options_for("p");
    options.cache_dir = "";
    Store replay(env, options);
    env.fail(op, {ErrorCode::kIo, "too many open files"});
    EXPECT_EQ(replayed(replay, {}), "ERROR: too many open files");
    env.heal();
    EXPECT_EQ(replayed(replay, {}), "MISS");
  }
}

TEST(Failures, WithoutTheSessionsMemoryNothingIsRecordedOrReplayed) {
  MemoryEnv env;
  Store before(env, options_for("r"));
  saved_name(before, {}, answer("one", false));
  const auto files = env.files();
  auto options = options_for("r");
  options.memory = SessionMemory::unreachable({ErrorCode::kIo, "no memory"});
  Store store(env, options);
  auto exchange = testing::exchange_of({}, answer("two", false));
  const auto saved = store.save(exchange);
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().message, "no memory");
  EXPECT_EQ(replayed(store, {}), "ERROR: no memory");
  EXPECT_EQ(env.files(), files);
}

TEST(Failures, AFullMemoryIsSaid) {
  MemoryEnv env;
  auto options = options_for("r");
  options.memory = std::move(*SessionMemory::make_private(1));
  Store record(env, options);
  saved_name(record, {}, answer("one", false));
  while (options.memory->append({"filler", ""}, "")) {
  }
  auto exchange = testing::exchange_of({}, answer("two", false));
  const auto saved = record.save(exchange);
  ASSERT_FALSE(saved.ok());
  EXPECT_NE(saved.error().message.find("memory is full"), std::string::npos);
  Ask other;
  other.body = R"({"model":"m","messages":[{"role":"user","content":"new"}]})";
  auto another = testing::exchange_of(other, answer("three", false));
  EXPECT_FALSE(record.save(another).ok());
}

TEST(Failures, ReplayNeedsNoWritableFolder) {
  MemoryEnv memory;
  FailingEnv env(memory);
  Store record(env, options_for("r"));
  saved_name(record, {}, answer("one", false));
  saved_name(record, {}, answer("two", false));
  for (const EnvOp op : {EnvOp::kMakeDirs, EnvOp::kWriteAtomic, EnvOp::kLock, EnvOp::kAppend}) {
    env.fail(op);
  }
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("one"));
  EXPECT_EQ(replayed(replay, {}), completion("two"));
  env.fail(EnvOp::kReadFile, {ErrorCode::kIo, "bad disk"});
  EXPECT_EQ(replayed(replay, {}), "ERROR: bad disk");
}

}  // namespace
}  // namespace recshim::store
