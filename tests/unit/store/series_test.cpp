// Names, repeats, hosts, errors and what a new session does to old recordings.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using testing::Answer;
using testing::Ask;
using testing::completion;
using testing::options_for;
using testing::replayed;
using testing::saved_name;

Answer ok(const std::string& text, const std::string& id = "chatcmpl-1") {
  return {200, "application/json", completion(text, id), ""};
}
Answer failed(int status) {
  return {status, "application/json", R"({"error":{"message":"no"}})", ""};
}

struct Series : ::testing::Test {
  recshim::testing::MemoryEnv env;
  std::map<std::string, std::string> recordings() {
    std::map<std::string, std::string> out;
    for (auto& [path, content] : env.files()) {
      if (path.starts_with("/recordings/")) out[path] = content;
    }
    return out;
  }
};

TEST_F(Series, RepeatsAreReplayedInOrderAndTheLastAgain) {
  Store record(env, options_for("r"));
  EXPECT_EQ(saved_name(record, {}, ok("one")), "H.json");
  EXPECT_EQ(saved_name(record, {}, ok("two")), "H-2.json");
  EXPECT_EQ(saved_name(record, {}, ok("three")), "H-3.json");
  Store a(env, options_for("p"));
  Store b(env, options_for("p"));  // another process of the session
  EXPECT_EQ(replayed(a, {}), completion("one"));
  EXPECT_EQ(replayed(b, {}), completion("two"));
  EXPECT_EQ(replayed(a, {}), completion("three"));
  EXPECT_EQ(replayed(b, {}), completion("three"));
  Store fresh(env, options_for("q"));
  EXPECT_EQ(replayed(fresh, {}), completion("one"));
  Ask other;
  other.test_id = "tests/a/test_x.py::another";
  EXPECT_EQ(replayed(fresh, other), "MISS");
}

TEST_F(Series, ErrorsKeepThePlainNameFree) {
  Store record(env, options_for("r"));
  EXPECT_EQ(saved_name(record, {}, failed(429)), "H-error.json");
  EXPECT_EQ(saved_name(record, {}, failed(503)), "H-error-2.json");
  EXPECT_EQ(saved_name(record, {}, ok("yes")), "H.json");
  EXPECT_EQ(saved_name(record, {}, failed(500)), "H-error-3.json");
  EXPECT_EQ(saved_name(record, {}, ok("again")), "H-2.json");
  Store replay(env, options_for("p"));
  std::vector<int> statuses;
  for (int i = 0; i < 6; ++i) {
    auto found = replay.find(testing::request_of({}));
    ASSERT_TRUE(found.ok());
    statuses.push_back(std::get<Found>(*found).exchange.response.status);
  }
  EXPECT_EQ(statuses, (std::vector<int>{429, 503, 200, 500, 200, 200}));
}

TEST_F(Series, ABareErrorReplaysAndCanBeLeftOut) {
  Store record(env, options_for("r"));
  EXPECT_EQ(saved_name(record, {}, failed(503)), "H-error.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), failed(503).body);
  auto options = options_for("s");
  options.record_errors = false;
  options.dir = "/elsewhere";
  Store silent(env, options);
  auto exchange = testing::exchange_of({}, failed(429));
  auto saved = silent.save(exchange);
  ASSERT_TRUE(saved.ok());
  EXPECT_EQ(saved->kind, Saved::Kind::kSkipped);
  auto whole = testing::exchange_of({}, failed(404));
  saved = silent.save(whole);
  ASSERT_TRUE(saved.ok());
  EXPECT_EQ(saved->kind, Saved::Kind::kWritten);
}

TEST_F(Series, WhatWasRecordedMeanwhileIsKeptWhereThatIsAsked) {
  for (const char* session : {"r", "other"}) {
    auto options = options_for(session);
    options.keep_existing = true;
    Store store(env, options);
    for (int i = 0; i < 2; ++i) {
      auto exchange = testing::exchange_of({}, ok(std::string(session) + std::to_string(i)));
      auto saved = store.save(exchange);
      ASSERT_TRUE(saved.ok());
      const bool own = session == std::string("r");  // its series goes on
      EXPECT_EQ(saved->kind, own ? Saved::Kind::kWritten : Saved::Kind::kUnchanged);
      EXPECT_EQ(saved->path, "/recordings/" + saved->hash + (own && i == 1 ? "-2" : "") + ".json");
    }
  }
  EXPECT_EQ(recordings().size(), 2u);
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("r0"));
}

TEST_F(Series, RecordingTheSameAgainTouchesNothing) {
  {
    Store record(env, options_for("r"));
    for (int i = 0; i < 4; ++i) saved_name(record, {}, ok("t" + std::to_string(i)));
    saved_name(record, {}, failed(503));
  }
  const auto before = recordings();
  std::map<std::string, int64_t> times;
  for (const auto& [path, content] : before) times[path] = env.stat(path)->mtime_ns;
  env.advance_us(50'000'000);
  {
    Store record(env, options_for("r2"));
    for (int i = 0; i < 4; ++i) {
      const auto name = saved_name(record, {}, ok("t" + std::to_string(i), "chatcmpl-new"));
      EXPECT_TRUE(name.ends_with(" unchanged")) << name;
    }
    EXPECT_EQ(saved_name(record, {}, failed(503)), "H-error.json unchanged");
  }
  EXPECT_EQ(recordings(), before);
  for (const auto& [path, time] : times) EXPECT_EQ(env.stat(path)->mtime_ns, time) << path;
}

// A model that calls a tool, and the request that goes on with the call's id.
Answer tool_call(const std::string& call, const std::string& tail = "",
                 const std::string& coding = "") {
  const std::string body =
      R"({"id":"chatcmpl-)" + call + R"(","object":"chat.completion","created":17,)" +
      R"("system_fingerprint":"fp_)" + call +
      R"(","choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":")" + call +
      R"(","type":"function","function":{"name":"f","arguments":"{)" + tail +
      R"(}"}}]}}],"usage":{"total_tokens":3,"queue_time":0.)" + std::to_string(call.size()) + "}}";
  return {200, "application/json", coding.empty() ? body : testing::gzip(body), coding};
}
Ask going_on(const std::string& call) {
  Ask out;
  out.body = R"({"model":"m","messages":[{"role":"tool","tool_call_id":")" + call + R"("}]})";
  return out;
}

TEST_F(Series, IdsThatTheServerDrawsAnewMakeNoDifference) {
  for (const char* coding : {"", "gzip"}) {
    const std::string kind = coding;
    {
      Store record(env, options_for("r" + kind));
      saved_name(record, {}, tool_call("call_oldAAAA", "", coding));
      saved_name(record, going_on("call_oldAAAA"), ok("done", "chatcmpl-old"));
    }
    const auto before = recordings();
    ASSERT_EQ(before.size(), 2U);
    Store again(env, options_for("again" + kind));
    EXPECT_EQ(saved_name(again, {}, tool_call("call_newBBBBBB", "", coding)), "H.json unchanged");
    // What names the new id is filed under the one that replay will give, in every process.
    Store other(env, options_for("again" + kind));
    EXPECT_EQ(saved_name(other, going_on("call_newBBBBBB"), ok("done", "chatcmpl-new")),
              "H.json unchanged");
    EXPECT_EQ(recordings(), before);
    Store replay(env, options_for("p" + kind));
    EXPECT_NE(replayed(replay, {}), "MISS");
    EXPECT_EQ(replayed(replay, going_on("call_oldAAAA")), completion("done", "chatcmpl-old"));
    EXPECT_EQ(replayed(replay, going_on("call_newBBBBBB")), "MISS");
    // In another session the id means nothing.
    Store stranger(env, options_for("stranger" + kind));
    EXPECT_EQ(saved_name(stranger, going_on("call_newBBBBBB"), ok("done")), "H.json");
    for (const auto& [path, content] : recordings()) {
      ASSERT_TRUE(env.remove(path).ok());
    }
  }
}

TEST_F(Series, AnAnswerThatChangedBringsItsOwnIds) {
  {
    Store record(env, options_for("r"));
    saved_name(record, {}, tool_call("call_oldAAAA"));
    saved_name(record, going_on("call_oldAAAA"), ok("done"));
  }
  Store again(env, options_for("again"));
  EXPECT_EQ(saved_name(again, {}, tool_call("call_newBBBB", "1")), "H.json");
  EXPECT_EQ(saved_name(again, going_on("call_newBBBB"), ok("now")), "H.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), tool_call("call_newBBBB", "1").body);
  EXPECT_EQ(replayed(replay, going_on("call_newBBBB")), completion("now"));
}

TEST_F(Series, IdsArePairedOneToOne) {
  Ask second;
  second.body = R"({"model":"m2"})";
  {
    Store record(env, options_for("r"));
    saved_name(record, {}, tool_call("call_sameAAAA"));
    saved_name(record, second, tool_call("call_sameAAAA"));
  }
  Store again(env, options_for("again"));
  EXPECT_EQ(saved_name(again, {}, tool_call("call_firstBBB")), "H.json unchanged");
  // Filed as the recorded id, the two could not be told apart.
  EXPECT_EQ(saved_name(again, second, tool_call("call_secondCC")), "H.json");
  Store swapped(env, options_for("swapped"));
  EXPECT_EQ(saved_name(swapped, {}, tool_call("call_secondCC")), "H.json unchanged");
  EXPECT_EQ(saved_name(swapped, second, tool_call("call_sameAAAA")), "H.json unchanged");
}

// The lines of now that are not in old, in order.
std::vector<std::string> new_lines(const std::string& old, const std::string& now) {
  const auto lines = [](const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(line);
    return out;
  };
  const auto before = lines(old);
  std::vector<std::string> out;
  for (const auto& line : lines(now)) {
    if (std::find(before.begin(), before.end(), line) == before.end()) out.push_back(line);
  }
  return out;
}

TEST_F(Series, AChangedChunkChangesItsLine) {
  const auto stream = [](const std::string& word, uint64_t step_us) {
    std::string body;
    std::vector<http::Boundary> boundaries;
    for (const std::string& piece : {std::string("one"), word, std::string("three")}) {
      const std::string event =
          R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":)"
          R"([{"index":0,"delta":{"content":")" +
          piece + "\"}}]}\n\n";
      body += event;
      boundaries.push_back({event.size(), step_us * (boundaries.size() + 1), ""});
    }
    Ask ask;
    ask.body = R"({"model":"m","stream":true})";
    auto exchange = testing::exchange_of(ask, {200, "text/event-stream", body, ""});
    exchange.response.headers.pop_back();
    exchange.framing = http::Framing::kChunked;
    exchange.boundaries = boundaries;
    exchange.end_offset_us = step_us * 4;
    return exchange;
  };
  auto options = options_for("r");
  options.layout = Layout::kByTest;
  auto first = stream("two", 1000);
  ASSERT_TRUE(Store(env, options).save(first).ok());
  const auto before = recordings();
  options.memory = testing::memory_of("again");
  options.session_dir = "/sessions/again";
  auto second = stream("2nd", 1234);
  ASSERT_TRUE(Store(env, options).save(second).ok());
  const auto after = recordings();
  ASSERT_EQ(after.size(), 1U);
  ASSERT_EQ(after.begin()->first, before.begin()->first);
  const auto changed = new_lines(before.begin()->second, after.begin()->second);
  ASSERT_EQ(changed.size(), 1U) << ::testing::PrintToString(changed);
  EXPECT_NE(changed[0].find(R"("content": "2nd")"), std::string::npos);
}

TEST_F(Series, ANewSessionReplacesTheWholeSeries) {
  {
    Store record(env, options_for("r"));
    for (int i = 0; i < 3; ++i) saved_name(record, {}, ok("old" + std::to_string(i)));
    saved_name(record, {}, failed(500));
  }
  Store record(env, options_for("r2"));
  EXPECT_EQ(saved_name(record, {}, ok("new")), "H.json");
  EXPECT_EQ(recordings().size(), 1U);
  EXPECT_EQ(saved_name(record, {}, ok("old1")), "H-2.json unchanged");
  EXPECT_EQ(saved_name(record, {}, ok("different")), "H-3.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("new"));
  EXPECT_EQ(replayed(replay, {}), completion("old1"));
  EXPECT_EQ(replayed(replay, {}), completion("different"));
}

TEST_F(Series, HostsDoNotAnswerForEachOther) {
  Ask other;
  other.host = "api.example.com";
  Store record(env, options_for("r"));
  EXPECT_EQ(saved_name(record, {}, ok("first")), "H.json");
  {
    Store replay(env, options_for("p0"));
    EXPECT_EQ(replayed(replay, other), "MISS");
  }
  const std::string second = saved_name(record, other, ok("second"));
  EXPECT_EQ(second.size(), std::string("H-12345678.json").size());
  EXPECT_EQ(saved_name(record, other, ok("third")), second.substr(0, 10) + "-2.json");
  EXPECT_EQ(saved_name(record, {}, ok("fourth")), "H-2.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, other), completion("second"));
  EXPECT_EQ(replayed(replay, {}), completion("first"));
  EXPECT_EQ(replayed(replay, other), completion("third"));
  EXPECT_EQ(replayed(replay, {}), completion("fourth"));
  Store again(env, options_for("r2"));
  EXPECT_EQ(saved_name(again, other, ok("second")), second + " unchanged");
  EXPECT_EQ(replayed(replay, {}), completion("fourth"));
}

TEST_F(Series, ModelListsAreNamedByTheirModels) {
  Ask ask;
  ask.target = "/v1/models";
  ask.method = "GET";
  ask.body = "";
  const auto list = [](const std::string& id) {
    return Answer{200, "application/json",
                  R"({"object":"list","data":[{"id":")" + id +
                      R"(","object":"model","created":1,"owned_by":"me"}]})",
                  ""};
  };
  Store record(env, options_for("r"));
  const std::string a = saved_name(record, ask, list("a"));
  EXPECT_TRUE(a.starts_with("models-H-")) << a;
  const std::string b = saved_name(record, ask, list("b"));
  EXPECT_NE(a, b);
  EXPECT_EQ(saved_name(record, ask, list("a")), a.substr(0, a.size() - 5) + "-2.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, ask), list("a").body);
  EXPECT_EQ(replayed(replay, ask), list("b").body);
  EXPECT_EQ(replayed(replay, ask), list("a").body);
  EXPECT_EQ(replayed(replay, ask), list("a").body);
  Store again(env, options_for("r2"));
  EXPECT_EQ(saved_name(again, ask, list("b")), b);
  EXPECT_EQ(recordings().size(), 1U);
}

TEST_F(Series, EarlyAnswersAreFoundBeforeTheBodyOnly) {
  auto exchange = testing::exchange_of({}, failed(401));
  exchange.early_after_body_bytes = 10;
  exchange.request_complete = false;
  Store record(env, options_for("r"));
  auto saved = record.save(exchange);
  ASSERT_TRUE(saved.ok());
  EXPECT_TRUE(saved->path.ends_with("-early.json"));
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), "MISS");
  Ask bodiless;
  bodiless.body = "";
  EXPECT_EQ(replayed(replay, bodiless), "MISS");
  auto found = replay.find_early(testing::request_of({}));
  ASSERT_TRUE(found.ok() && *found);
  EXPECT_EQ((*found)->exchange.response.status, 401);
  EXPECT_EQ((*found)->exchange.early_after_body_bytes, 10U);
}

TEST_F(Series, LargeBodiesLieBesideTheirFile) {
  Ask ask;
  ask.target = "/files/x";
  auto options = options_for("r");
  options.inline_body_limit_bytes = 100;
  const auto big = [](char c) {
    return Answer{200, "application/octet-stream", std::string(500, c), ""};
  };
  Store record(env, options);
  EXPECT_EQ(saved_name(record, ask, big('a')), "H.json");
  EXPECT_EQ(saved_name(record, ask, big('b')), "H-2.json");
  EXPECT_EQ(recordings().size(), 4U);
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, ask), big('a').body);
  EXPECT_EQ(replayed(replay, ask), big('b').body);
  const auto before = recordings();

  options.memory = testing::memory_of("r2");
  options.session_dir = "/sessions/r2";
  Store same(env, options);
  EXPECT_EQ(saved_name(same, ask, big('a')), "H.json unchanged");
  EXPECT_EQ(recordings().size(), 2U);
  EXPECT_EQ(saved_name(same, ask, big('b')), "H-2.json unchanged");
  EXPECT_EQ(recordings(), before);

  options.memory = testing::memory_of("r3");
  options.session_dir = "/sessions/r3";
  Store changed(env, options);
  EXPECT_EQ(saved_name(changed, ask, big('c')), "H.json");
  EXPECT_EQ(recordings().size(), 2U);
  Store fresh(env, options_for("p3"));
  EXPECT_EQ(replayed(fresh, ask), big('c').body);

  for (auto& [path, content] : recordings()) {
    if (path.ends_with(".body")) {
      ASSERT_TRUE(env.write_atomic(path, std::string(500, 'z')).ok());
    }
  }
  EXPECT_EQ(replayed(fresh, ask), std::string(500, 'z')) << "edited by hand";
  for (auto& [path, content] : recordings()) {
    if (path.ends_with(".body")) {
      ASSERT_TRUE(env.remove(path).ok());
    }
  }
  EXPECT_TRUE(replayed(fresh, ask).starts_with("ERROR: /recordings/")) << replayed(fresh, ask);
}

TEST_F(Series, FilesCanGoBesideTheirTests) {
  auto options = options_for("r");
  options.layout = Layout::kByTest;
  Store record(env, options);
  saved_name(record, {}, ok("x"));
  EXPECT_TRUE(recordings().begin()->first.starts_with("/recordings/tests/a/recordings/"));
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("x"));
  Ask escape;
  escape.test_id = "../../etc/test_x.py::t";
  saved_name(record, escape, ok("y"));
  for (const auto& [path, content] : env.files()) EXPECT_EQ(path.find(".."), std::string::npos);
}

// Requests sent one after another, whose answers come in another order.
TEST_F(Series, AnswersStayWithTheRequestsHoweverLateTheyCome) {
  const std::vector<std::vector<int>> orders = {
      {0, 1, 2, 3}, {3, 2, 1, 0}, {1, 0, 3, 2}, {2, 3, 0, 1}, {1, 3, 0, 2}};
  int session = 0;
  for (const bool big : {false, true}) {
    for (const int error : {-1, 0, 1, 3}) {
      for (const auto& order : orders) {
        SCOPED_TRACE(::testing::PrintToString(order) + " error " + std::to_string(error));
        Ask ask;
        if (big) ask.target = "/files/x";
        const auto answer = [&](int i) {
          const std::string text = "answer " + std::to_string(i);
          if (i == error) return Answer{503, "text/plain", text, ""};
          if (big) return Answer{200, "application/octet-stream", std::string(200, 'a') + text, ""};
          return ok(text);
        };
        std::map<std::string, std::string> before;
        // The second time it is all as it was.
        for (const bool again : {false, true}) {
          auto options = options_for("r" + std::to_string(++session));
          options.inline_body_limit_bytes = 100;
          Store record(env, options);
          std::vector<http::Exchange> sent;
          for (int i = 0; i < 4; ++i) {
            sent.push_back(testing::exchange_of(ask, answer(i)));
            ASSERT_TRUE(record.take_place(sent.back()).ok());
          }
          for (const int i : order) {
            const auto saved = record.save(sent[static_cast<size_t>(i)]);
            ASSERT_TRUE(saved.ok()) << saved.error().message;
            EXPECT_EQ(saved->repeat, i + 1);
            EXPECT_EQ(saved->kind == Saved::Kind::kUnchanged, again);
          }
          EXPECT_TRUE(!again || recordings() == before);
          before = recordings();
          Store replay(env, options_for("p" + std::to_string(session)));
          for (int i = 0; i < 4; ++i) EXPECT_EQ(replayed(replay, ask), answer(i).body);
        }
        for (const auto& [path, content] : recordings()) ASSERT_TRUE(env.remove(path).ok());
      }
    }
  }
}

TEST_F(Series, ARequestWithoutAnAnswerLeavesNoGap) {
  Store record(env, options_for("r"));
  for (int i = 0; i < 4; ++i) {
    auto exchange = testing::exchange_of({}, ok(std::to_string(i)));
    ASSERT_TRUE(record.take_place(exchange).ok());
    if (i == 0 || i == 2) continue;  // cancelled
    ASSERT_TRUE(record.save(exchange).ok());
  }
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("1"));
  EXPECT_EQ(replayed(replay, {}), completion("3"));
  EXPECT_EQ(recordings().size(), 2U);
}

// Two terminals, or `make -j2`: the later of two sessions has the series, the other is told.
TEST_F(Series, WhatAnotherSessionHasReplacedIsNotSilentlyLost) {
  Store first(env, options_for("first"));
  Store second(env, options_for("second"));
  saved_name(first, {}, ok("first 1"));
  saved_name(first, {}, ok("first 2"));
  EXPECT_EQ(saved_name(second, {}, ok("second 1")), "H.json");
  auto exchange = testing::exchange_of({}, ok("first 3"));
  const auto lost = first.save(exchange);
  ASSERT_FALSE(lost.ok());
  EXPECT_NE(lost.error().message.find("another run records the same request"), std::string::npos)
      << lost.error().message;
  EXPECT_EQ(saved_name(second, {}, ok("second 2")), "H-2.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, {}), completion("second 1"));
  EXPECT_EQ(replayed(replay, {}), completion("second 2"));
}

TEST_F(Series, RecordingsThatTheUserRemovedBeginAnew) {
  Store record(env, options_for("r"));
  saved_name(record, {}, ok("1"));
  saved_name(record, {}, ok("2"));
  for (const auto& [path, content] : recordings()) ASSERT_TRUE(env.remove(path).ok());
  EXPECT_EQ(saved_name(record, {}, ok("3")), "H.json");
  EXPECT_EQ(saved_name(record, {}, ok("4")), "H-2.json");
}

}  // namespace
}  // namespace recshim::store
