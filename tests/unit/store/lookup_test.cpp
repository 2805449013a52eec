// Finding recordings whatever they are called, borrowing, misses and what they say.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "shim/match/python_json.h"
#include "shim/match/sketch.h"
#include "shim/store/model_lists.h"
#include "shim/store/recording.h"
#include "shim/store/summary.h"
#include "tests/unit/base/temp_dir.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using testing::Answer;
using testing::Ask;
using testing::completion;
using testing::options_for;
using testing::replayed;
using testing::saved_name;

Answer ok(const std::string& text) {
  return {200, "application/json", completion(text), ""};
}

struct Lookups : ::testing::Test {
  recshim::testing::MemoryEnv env;

  // Records and moves the file to another name; gives the new path.
  std::string renamed(const Ask& ask, const std::string& text, const std::string& to) {
    Store record(env, options_for("r" + std::to_string(++sessions)));
    auto exchange = testing::exchange_of(ask, ok(text));
    auto saved = record.save(exchange);
    EXPECT_TRUE(saved.ok());
    const std::string path = "/recordings/" + to;
    EXPECT_TRUE(env.make_dirs(path.substr(0, path.rfind('/')), 0777).ok());
    EXPECT_TRUE(env.rename(saved->path, path).ok());
    env.advance_us(10'000'000);
    return path;
  }
  Store& fresh() {
    store = std::make_unique<Store>(env, options_for("p" + std::to_string(++sessions)));
    return *store;
  }
  std::unique_ptr<Store> store;
  int sessions = 0;
};

TEST_F(Lookups, RenamedFilesAreFoundByWhatTheyHold) {
  renamed({}, "found", "deep/er/recordings/some-name.json");
  EXPECT_EQ(replayed(fresh(), {}), completion("found"));
  Ask other;
  other.test_id = "t.py::other";
  EXPECT_EQ(replayed(fresh(), other), "MISS");
  other.test_id = std::nullopt;  // no test is not every test
  EXPECT_EQ(replayed(fresh(), other), "MISS");
}

TEST_F(Lookups, TheIndexIsNeverStale) {
  Ask second;
  second.body = R"({"model":"m2"})";
  const std::string path = renamed({}, "one", "x.json");
  Store& replay = fresh();
  EXPECT_EQ(replayed(replay, {}), completion("one"));
  EXPECT_EQ(replayed(replay, second), "MISS");
  // A new file, in this process and, by the cache, in the next.
  renamed(second, "two", "y.json");
  EXPECT_EQ(replayed(replay, second), completion("two"));
  EXPECT_EQ(replayed(fresh(), second), completion("two"));
  // A file changed in place: its folder's time has not moved.
  auto text = env.read_file("/recordings/y.json");
  ASSERT_TRUE(env.write_atomic(path, *text).ok());
  ASSERT_TRUE(env.remove("/recordings/y.json").ok());
  env.advance_us(10'000'000);
  Store& later = fresh();
  EXPECT_EQ(replayed(later, second), completion("two"));
  EXPECT_EQ(replayed(later, {}), "MISS");
  // A damaged cache is built anew.
  for (auto& [file, content] : env.files()) {
    if (file.starts_with("/cache/")) {
      ASSERT_TRUE(env.write_atomic(file, content + "x").ok());
    }
  }
  EXPECT_EQ(replayed(fresh(), second), completion("two"));
  for (auto& [file, content] : env.files()) {
    if (file.starts_with("/cache/")) {
      ASSERT_TRUE(env.write_atomic(file, "[1,2").ok());
    }
  }
  EXPECT_EQ(replayed(fresh(), second), completion("two"));
  ASSERT_TRUE(env.remove(path).ok());
  EXPECT_EQ(replayed(fresh(), second), "MISS");
}

// Many misses in a row look at every file once, and yet see what is new and what is replaced.
TEST(LargeFolders, ChangesAreSeenAtOnce) {
  const recshim::testing::TempDir folder;
  Env& env = posix_env();
  const auto options = [&](const std::string& session) {
    StoreOptions made = options_for(session);
    made.dir = folder.path() + "/recordings";
    made.session_dir = folder.path() + "/" + session;
    made.cache_dir = folder.path() + "/cache";
    return made;
  };
  Ask ask;
  const auto say = [&](const std::string& text) {
    ask.body = R"({"model":"m","messages":[{"role":"user","content":")" + text + R"("}]})";
  };
  say("one");
  const auto text_for = [&](const std::string& answer) {
    Store record(env, options("r" + answer));
    auto exchange = testing::exchange_of(ask, ok(answer));
    const auto saved = record.save(exchange);
    EXPECT_TRUE(saved.ok());
    const std::string text = *env.read_file(saved->path);
    EXPECT_TRUE(env.remove(saved->path).ok());
    return text;
  };
  const std::string first = text_for("first");
  say("two");
  const std::string second = text_for("second");
  const auto path = [&](int i) { return options("").dir + "/f" + std::to_string(i) + ".json"; };
  for (int i = 0; i < 600; ++i) ASSERT_TRUE(env.write_atomic(path(i), "{}").ok());

  Store store(env, options("p"));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(replayed(store, ask), "MISS");
  ASSERT_TRUE(env.write_atomic(path(600), first).ok());
  EXPECT_EQ(replayed(store, ask), "MISS");
  ASSERT_TRUE(env.write_atomic(path(7), second).ok());
  EXPECT_EQ(replayed(store, ask), completion("second"));
  say("one");
  EXPECT_EQ(replayed(store, ask), completion("first"));
}

TEST_F(Lookups, ForeignFilesDoNotDisturb) {
  renamed({}, "one", "x.json");
  ASSERT_TRUE(env.write_atomic("/recordings/package.json", "{\"name\":\"x\"}").ok());
  ASSERT_TRUE(env.write_atomic("/recordings/broken.json", "{\"request\":{").ok());
  ASSERT_TRUE(env.write_atomic("/recordings/list.json", "[1]").ok());
  ASSERT_TRUE(env.write_atomic("/recordings/empty.json", "").ok());
  ASSERT_TRUE(
      env.write_atomic("/recordings/tool.json",
                       R"({"test_id":null,"request":{"provider":"tavily","tool_name":"web_search",)"
                       R"("kwargs":{}},"response":{"body":{},"is_streaming":false}})")
          .ok());
  EXPECT_EQ(replayed(fresh(), {}), completion("one"));
}

TEST_F(Lookups, FixturesLendTheirRecordings) {
  Ask setup;
  setup.test_id = "t.py::first";
  setup.phase = "setup";
  Ask test;
  test.test_id = "t.py::second";
  renamed(setup, "lent", "x.json");
  auto found = fresh().find(testing::request_of(test));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Found>(*found));
  EXPECT_TRUE(std::get<Found>(*found).borrowed);
  Ask nobody;
  nobody.test_id.reset();
  nobody.body = R"({"model":"z"})";
  Store record(env, options_for("r"));
  saved_name(record, nobody, ok("shared"));
  env.advance_us(10'000'000);
  test.body = nobody.body;
  EXPECT_EQ(replayed(fresh(), test), completion("shared"));
  // The test's own recording comes first.
  saved_name(record, test, ok("own"));
  EXPECT_EQ(replayed(fresh(), test), completion("own"));
}

TEST_F(Lookups, AMissNamesTheNearestAndTheDifference) {
  Ask recorded;
  recorded.body = R"({"model":"m","temperature":0.5,"messages":[{"role":"user","content":"hi"}]})";
  Store record(env, options_for("r"));
  saved_name(record, recorded, ok("x"));
  Ask far = recorded;
  far.body = R"({"model":"other","input":[1,2,3],"a":1,"b":2})";
  saved_name(record, far, ok("y"));
  Ask asked = recorded;
  asked.body = R"({"model":"m","temperature":0.7,"messages":[{"role":"user","content":"ho"}]})";
  asked.target += "?api_key=abcdefgh";
  auto found = fresh().find(testing::request_of(asked));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Missing>(*found));
  const auto& missing = std::get<Missing>(*found);
  EXPECT_EQ(missing.hash.size(), 64U);
  EXPECT_NE(missing.diagnosis.find("/temperature: 0.5 → 0.7"), std::string::npos)
      << missing.diagnosis;
  EXPECT_NE(missing.diagnosis.find("/messages/0/content: \"hi\" → \"ho\""), std::string::npos);
  EXPECT_EQ(missing.diagnosis.find("ignore_body"), std::string::npos) << "of what is asked";
  EXPECT_NE(missing.diagnosis.find("RECSHIM_MODE=record-if-missing"), std::string::npos);
  EXPECT_NE(missing.diagnosis.find(missing.hash), std::string::npos);
  EXPECT_FALSE(missing.nearest_path.empty());
  EXPECT_EQ(missing.diagnosis.find("abcdefgh"), std::string::npos);
  EXPECT_EQ(missing.summary.find('\n'), std::string::npos);
  EXPECT_TRUE(missing.request_line.starts_with("POST https://api.openai.com/v1/chat/completions"));
}

std::string saved_path(Store& store, const Ask& ask) {
  auto exchange = testing::exchange_of(ask, ok("x"));
  const auto saved = store.save(exchange);
  EXPECT_TRUE(saved.ok());
  return saved.ok() ? saved->path : "";
}

TEST_F(Lookups, AMissIsNearestToWhatSaysMostOfTheSame) {
  const auto asking = [](const std::string& question, const std::string& test) {
    Ask ask;
    ask.test_id = test;
    ask.body = R"({"model":"m","messages":[{"role":"user","content":")" + question + R"("}]})";
    return ask;
  };
  Store record(env, options_for("r"));
  const std::string filler = "Which of the numbers is the largest one, and is it prime: ";
  for (int i = 0; i < 300; ++i) {
    saved_name(record, asking(filler + std::to_string(i * i), "t" + std::to_string(i)), ok("x"));
  }
  const std::string near =
      saved_path(record, asking("Tell the capital of France in one word, please", "t"));
  const auto miss = [&](const Ask& ask) {
    auto found = fresh().find(testing::request_of(ask));
    return found.ok() && std::holds_alternative<Missing>(*found) ? std::get<Missing>(*found)
                                                                 : Missing{};
  };
  const Missing alike = miss(asking("Tell the capital of Italy in one word, please", "t"));
  EXPECT_EQ(alike.nearest_path, near) << alike.diagnosis;
  // The same content comes first, whatever its test is called.
  const Missing moved = miss(asking("Tell the capital of France in one word, please", "new name"));
  EXPECT_EQ(moved.nearest_path, near) << moved.diagnosis;
  EXPECT_NE(moved.diagnosis.find("another test"), std::string::npos) << moved.diagnosis;
  EXPECT_NE(moved.summary.find("differs at the test's name"), std::string::npos) << moved.summary;
}

TEST_F(Lookups, ADifferentQueryIsADifference) {
  const auto of_city = [](const std::string& city, const std::string& test) {
    Ask ask;
    ask.method = "GET";
    ask.target = "/weather?q=" + city + "&units=metric";
    ask.body.clear();
    ask.test_id = test;
    return ask;
  };
  Store record(env, options_for("r"));
  saved_name(record, of_city("Rome", "new"), ok("x"));
  const std::string berlin = saved_path(record, of_city("Berlin", "old"));
  auto found = fresh().find(testing::request_of(of_city("Berlin", "new")));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Missing>(*found));
  EXPECT_EQ(std::get<Missing>(*found).nearest_path, berlin);
  found = fresh().find(testing::request_of(of_city("Oslo", "new")));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Missing>(*found));
  const std::string& text = std::get<Missing>(*found).diagnosis;
  EXPECT_NE(text.find("?q: \"Rome\" → \"Oslo\""), std::string::npos) << text;
}

TEST_F(Lookups, ARuleIsAdvisedThatHelpsAndTellsRecordingsApart) {
  const auto of_run = [](const std::string& body) {
    Ask ask;
    ask.target = "/jobs";
    ask.body = body;
    return ask;
  };
  const auto diagnosis = [&](const std::string& body) {
    auto found = fresh().find(testing::request_of(of_run(body)));
    return found.ok() && std::holds_alternative<Missing>(*found)
               ? std::get<Missing>(*found).diagnosis
               : std::string("no miss");
  };
  Store record(env, options_for("r"));
  saved_name(record, of_run(R"({"job":"build","run":"1"})"), ok("x"));
  std::string text = diagnosis(R"({"job":"build","run":"2"})");
  EXPECT_NE(text.find(R"({"match": {"ignore_body": ["/run"]}})"), std::string::npos) << text;
  saved_name(record, of_run(R"({"job":"build","run":"3"})"), ok("y"));
  text = diagnosis(R"({"job":"build","run":"2"})");
  EXPECT_EQ(text.find("ignore_body"), std::string::npos) << text;
  EXPECT_NE(text.find("No rule is advised"), std::string::npos) << text;
}

TEST(Sketches, SampleWhatARequestSays) {
  const auto sketch = [](const char* request) {
    return match::sketch_of(match::parse_json(request).value());
  };
  const match::Sketch one = sketch(
      R"({"url":"http://h/a?q=1","body":{"model":"m","messages":[{"content":"a b c d e f g h"}]}})");
  EXPECT_LE(one.size(), match::kSketchSize);
  EXPECT_TRUE(std::is_sorted(one.begin(), one.end()));
  EXPECT_EQ(match::in_common(one, one), one.size());
  EXPECT_EQ(match::in_common(one, {}), 0U);
  // Neither the host nor the order of members counts.
  EXPECT_EQ(one, sketch(R"({"body":{"messages":[{"content":"a b c d e f g h"}],"model":"m"},)"
                        R"("url":"https://other/a?q=1"})"));
  EXPECT_NE(one, sketch(R"({"url":"http://h/a?q=2","body":{"model":"m","messages":)"
                        R"([{"content":"a b c d e f g h"}]}})"));
  EXPECT_TRUE(sketch("{}").empty() || sketch("{}").size() == 1);
}

TEST_F(Lookups, AMissAdvisesWhatWouldHelp) {
  Ask ask;
  ask.target = "/things?page=1";
  ask.method = "GET";
  ask.body.clear();
  Store record(env, options_for("r"));
  saved_name(record, ask, ok("x"));
  const auto diagnosis = [&](const http::Exchange& asked) {
    auto found = fresh().find(asked);
    return found.ok() && std::holds_alternative<Missing>(*found)
               ? std::get<Missing>(*found).diagnosis
               : std::string("no miss");
  };
  constexpr const char* kQuery = R"("ignore_query": ["page"])";
  constexpr const char* kScheme = "Scheme and port are part of a request";
  Ask other = ask;
  other.target = "/things?page=2";
  std::string text = diagnosis(testing::request_of(other));
  EXPECT_NE(text.find(kQuery), std::string::npos) << text;
  EXPECT_EQ(text.find(kScheme), std::string::npos) << text;
  http::Exchange plain = testing::request_of(ask);
  plain.origin.scheme = "http";
  plain.origin.port = 80;
  text = diagnosis(plain);
  EXPECT_EQ(text.find(kQuery), std::string::npos) << text;
  EXPECT_NE(text.find(kScheme), std::string::npos) << text;
}

TEST_F(Lookups, AMissWithoutAnyRecordings) {
  auto found = fresh().find(testing::request_of({}));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Missing>(*found));
  EXPECT_TRUE(std::get<Missing>(*found).nearest_path.empty());
}

TEST_F(Lookups, ABrokenRecordingIsNamed) {
  Store record(env, options_for("r"));
  auto exchange = testing::exchange_of({}, ok("x"));
  auto saved = record.save(exchange);
  ASSERT_TRUE(saved.ok());
  ASSERT_TRUE(env.write_atomic(saved->path, "{\"request\": 5}").ok());
  EXPECT_EQ(replayed(fresh(), {}), "ERROR: " + saved->path + ": /request: must be an object");
}

TEST(Summaries, SkipWhatTheyDoNotNeed) {
  EXPECT_FALSE(summarise("", {}));
  EXPECT_FALSE(summarise("{\"request\":", {}));
  EXPECT_FALSE(summarise("{\"a\":\"\\\"}", {}));
  EXPECT_FALSE(summarise(std::string(100000, '['), {}));
  auto summary = summarise(
      R"({"response":{"body":"}\\\"],{"},"x":[["]"]],"y":-1.5e3,"test_id":"t","request":)"
      R"({"method":"POST","url":"https://H.example:1/v1/v1/chat/completions?q","body":{"model":"m"}}})",
      {});
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->host, "h.example");
  EXPECT_EQ(summary->path, "/v1/v1/chat/completions");
  EXPECT_EQ(summary->test_id, "t");
  EXPECT_FALSE(summary->from_recshim);
}

TEST(Processes, ShareOneCounter) {
  recshim::testing::TempDir dir;
  StoreOptions options;
  options.dir = dir.path() + "/recordings";
  options.memory = testing::memory_of("record");
  options.session_dir = dir.path() + "/record";
  options.cache_dir = dir.path() + "/cache";
  constexpr int kProcesses = 8;
  constexpr int kEach = 5;
  const auto run = [&](auto work) {
    std::vector<pid_t> children;
    for (int p = 0; p < kProcesses; ++p) {
      const pid_t pid = fork();
      if (pid == 0) {
        alarm(60);
        bool fine = true;
        Store store(posix_env(), options);
        for (int i = 0; i < kEach; ++i) fine = work(store, p, i) && fine;
        _exit(fine ? 0 : 1);
      }
      children.push_back(pid);
    }
    for (const pid_t pid : children) {
      int status = 0;
      ASSERT_EQ(waitpid(pid, &status, 0), pid);
      EXPECT_EQ(status, 0);
    }
  };
  run([](Store& store, int p, int i) {
    auto exchange = testing::exchange_of({}, ok(std::to_string(p) + "." + std::to_string(i)));
    return store.save(exchange).ok();
  });
  options.memory = testing::memory_of("replay");
  options.session_dir = dir.path() + "/replay";
  const std::string log = dir.path() + "/log";
  run([&](Store& store, int, int) {
    const std::string body = replayed(store, {});
    return posix_env().append(log, body + "\n").ok();
  });
  auto lines = posix_env().read_file(log);
  ASSERT_TRUE(lines.ok());
  std::set<std::string> seen;
  size_t at = 0;
  for (size_t end; (end = lines->find('\n', at)) != std::string::npos; at = end + 1) {
    seen.insert(lines->substr(at, end - at));
  }
  EXPECT_EQ(seen.size(), static_cast<size_t>(kProcesses * kEach));
}

TEST(ModelLists, AFolderIsListedOnceForEachChange) {
  recshim::testing::TempDir temp;
  Env& env = posix_env();
  const std::string dir = temp.path() + "/recordings";
  const std::string cache = temp.path() + "/cache";
  const auto names = [&] { return *model_list_names(env, cache, dir); };
  const auto put = [&](const std::string& name, int64_t folder_mtime_ns) {
    ASSERT_TRUE(env.write_atomic(dir + "/" + name, "{}").ok());
    ASSERT_TRUE(env.set_mtime_ns(dir, folder_mtime_ns).ok());
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(), Names());
  ASSERT_TRUE(env.make_dirs(dir, 0700).ok());
  ASSERT_TRUE(env.make_dirs(cache, 0700).ok());
  put("x.json", 1'000'000'000);
  put("models-a.json", 1'000'000'000);
  EXPECT_EQ(names(), Names{"models-a.json"});
  // By the folder's time nothing has changed: it was not listed.
  put("models-b.json", 1'000'000'000);
  EXPECT_EQ(names(), Names{"models-a.json"});
  put("models-c.json", 2'000'000'000);
  EXPECT_EQ(names(), (Names{"models-a.json", "models-b.json", "models-c.json"}));
  // A folder that has just changed is not believed to be done.
  const auto now_ns = static_cast<int64_t>(env.wall_time_us()) * 1000;
  put("models-d.json", now_ns);
  EXPECT_EQ(names().size(), 4U);
  put("models-e.json", now_ns);
  EXPECT_EQ(names().size(), 5U);
}

}  // namespace
}  // namespace recshim::store
