// Which of several recordings answers, by the headers of the request.
#include <gtest/gtest.h>

#include "shim/store/recording.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using testing::Answer;
using testing::options_for;

// A request of a test, with more headers than the usual ones.
struct Ask : testing::Ask {
  http::Headers headers = {};
};

http::Exchange with_headers(http::Exchange exchange, const Ask& ask) {
  for (const http::Header& header : ask.headers) exchange.request.headers.push_back(header);
  return exchange;
}

std::string replayed(Store& store, const Ask& ask) {
  auto found = store.find(with_headers(testing::request_of(ask), ask));
  if (!found.ok()) return "ERROR: " + found.error().message;
  const auto* const hit = std::get_if<Found>(&*found);
  return hit == nullptr ? "MISS" : testing::body_text(hit->exchange);
}

std::string saved_name(Store& store, const Ask& ask, const Answer& answer) {
  auto exchange = with_headers(testing::exchange_of(ask, answer), ask);
  auto saved = store.save(exchange);
  EXPECT_TRUE(saved.ok());
  return saved.ok() ? saved->path.substr(saved->path.rfind('/') + 1) : "";
}

Ask ask_for(const std::string& method, const std::string& target, const std::string& body,
            const http::Headers& headers = {}) {
  Ask ask;
  ask.method = method;
  ask.target = target;
  ask.body = body;
  ask.headers = headers;
  return ask;
}

Answer text(const std::string& body) {
  return {200, "text/plain", body, ""};
}

Ask get(const http::Headers& headers) {
  return ask_for("GET", "/file", "", headers);
}

Ask range(const std::string& bytes) {
  return get({{"Range", "bytes=" + bytes}});
}

struct Asked : ::testing::Test {
  recshim::testing::MemoryEnv env;
  Store record{env, options_for("r")};

  // As it was written before headers were part of the key: the name without them.
  void as_before(const std::string& name, const std::string& plain_name) {
    auto text = env.read_file("/recordings/" + name);
    ASSERT_TRUE(text.ok());
    auto recording = Recording::parse(*text);
    ASSERT_TRUE(recording.ok());
    recording->json["request"].erase("headers");
    ASSERT_TRUE(env.remove("/recordings/" + name).ok());
    ASSERT_TRUE(env.write_atomic("/recordings/" + plain_name, recording->text()).ok());
    env.advance_us(10'000'000);
  }
};

TEST_F(Asked, AnotherRangeIsAnotherRequest) {
  saved_name(record, range("0-7"), text("first"));
  saved_name(record, range("8-15"), text("second"));
  saved_name(record, get({}), text("whole"));
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, range("8-15")), "second");
  EXPECT_EQ(replayed(replay, range("0-7")), "first");
  EXPECT_EQ(replayed(replay, get({})), "whole");
  EXPECT_EQ(replayed(replay, range("16-23")), "MISS");
}

TEST_F(Asked, ARecordingFromBeforeAnswersOnlyWhereTheHeadersAgree) {
  Store other(env, options_for("names"));
  const std::string plain = saved_name(other, get({}), text("for its name"));
  ASSERT_TRUE(env.remove("/recordings/" + plain).ok());
  const std::string stem = plain.substr(0, 64);
  as_before(saved_name(record, range("0-7"), text("first")), plain);
  as_before(saved_name(record, range("8-15"), text("second")), stem + "-2.json");
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, range("8-15")), "second");
  EXPECT_EQ(replayed(replay, range("0-7")), "first");
  EXPECT_EQ(replayed(replay, range("16-23")), "MISS");
  EXPECT_EQ(replayed(replay, get({})), "MISS");
  // What is recorded where it is missing takes nothing from them.
  StoreOptions keeping = options_for("m");
  keeping.keep_existing = true;
  Store missing(env, keeping);
  saved_name(missing, get({}), text("whole"));
  Store again(env, options_for("q"));
  EXPECT_EQ(replayed(again, get({})), "whole");
  EXPECT_EQ(replayed(again, range("0-7")), "first");
}

TEST_F(Asked, TheRecordingWhoseOtherHeadersAgreeMostIsTaken) {
  const auto accept = [](const std::string& type) {
    return get({{"Accept", type}, {"Accept-Language", "en"}});
  };
  saved_name(record, accept("application/json"), text("json 1"));
  saved_name(record, accept("text/html"), text("html 1"));
  saved_name(record, accept("application/json"), text("json 2"));
  saved_name(record, accept("text/html"), text("html 2"));
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, accept("text/html")), "html 1");
  EXPECT_EQ(replayed(replay, accept("application/json")), "json 1");
  EXPECT_EQ(replayed(replay, accept("text/html")), "html 2");
  EXPECT_EQ(replayed(replay, accept("text/html")), "html 2");
  // None was asked so: those that differ least, further on in their order.
  EXPECT_EQ(replayed(replay, get({{"Accept", "application/json"}})), "json 2");
}

TEST_F(Asked, WishesThatNobodyRecordedStepTheSeriesThatIsThere) {
  saved_name(record, get({{"Accept", "a/a"}}), text("1"));
  saved_name(record, get({{"Accept", "a/a"}}), text("2"));
  saved_name(record, get({{"Accept", "a/a"}}), text("3"));
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, get({{"Accept", "b/b"}})), "1");
  EXPECT_EQ(replayed(replay, get({{"Accept", "c/c"}})), "2");
  EXPECT_EQ(replayed(replay, get({{"Accept", "a/a"}})), "3");
}

TEST_F(Asked, WhatIsPolledWhereItIsMissingBecomesASeries) {
  StoreOptions keeping = options_for("m");
  keeping.keep_existing = true;
  Store missing(env, keeping);
  const Ask poll = get({});
  for (const char* const state : {"queued", "running", "done"}) {
    EXPECT_EQ(replayed(missing, poll), "MISS") << state;
    saved_name(missing, poll, text(state));
  }
  // Another session has all of it.
  keeping = options_for("n");
  keeping.keep_existing = true;
  Store later(env, keeping);
  for (const char* const state : {"queued", "running", "done", "done"}) {
    EXPECT_EQ(replayed(later, poll), state);
  }
}

Ask call(const std::string& id) {
  return ask_for("POST", "/rpc", R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"block"})");
}

std::string result(const std::string& id, const std::string& value) {
  return R"({"jsonrpc":"2.0", "id" : )" + id + R"(,"result":{"id":)" + value + "}}";
}

TEST_F(Asked, AJsonRpcAnswerCarriesTheIdThatWasAskedWith) {
  saved_name(record, call("1"), {200, "application/json", result("1", "1"), ""});
  saved_name(record, call("2"), {200, "application/json", result("2", "2"), ""});
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, call("1")), result("1", "1"));
  EXPECT_EQ(replayed(replay, call(R"("seventeen")")), result(R"("seventeen")", "2"));
  Store again(env, options_for("q"));
  auto found = again.find(testing::request_of(call("12345")));
  ASSERT_TRUE(found.ok() && std::holds_alternative<Found>(*found));
  const auto& answer = std::get<Found>(*found).exchange;
  EXPECT_EQ(testing::body_text(answer), result("12345", "1"));
  EXPECT_EQ(http::find_header(answer.response.headers, "Content-Length"),
            std::to_string(result("12345", "1").size()));
}

TEST_F(Asked, IdsInBatchesEventsAndCompressedAnswers) {
  const auto batch = [](const std::string& a, const std::string& b) {
    return ask_for("POST", "/rpc",
                   R"([{"jsonrpc":"2.0","id":)" + a + R"(,"method":"x"},{"jsonrpc":"2.0","id":)" +
                       b + R"(,"method":"y"}])");
  };
  saved_name(record, batch("1", "2"),
             {200, "application/json", "[" + result("2", "y") + "," + result("1", "x") + "]", ""});
  saved_name(record, call("1"),
             {200, "text/event-stream", "event: message\ndata: " + result("1", "1") + "\n\n", ""});
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, batch("8", "9")),
            "[" + result("9", "y") + "," + result("8", "x") + "]");
  EXPECT_EQ(replayed(replay, call("5")), "event: message\ndata: " + result("5", "1") + "\n\n");
  Ask other = call("1");
  other.target = "/zipped";
  saved_name(record, other, {200, "application/json", testing::gzip(result("1", "1")), "gzip"});
  Ask asked = call("6");
  asked.target = "/zipped";
  Store third(env, options_for("q"));
  EXPECT_EQ(replayed(third, asked), result("6", "1"));
}

TEST_F(Asked, TheOrderOfAQueryDoesNotMatter) {
  saved_name(record, ask_for("GET", "/s?b=x+y&a=1", ""), text("found"));
  env.advance_us(10'000'000);
  Store replay(env, options_for("p"));
  EXPECT_EQ(replayed(replay, ask_for("GET", "/s?a=1&b=x%20y", "")), "found");
  EXPECT_EQ(replayed(replay, ask_for("GET", "/s?a=2&b=x%20y", "")), "MISS");
}

}  // namespace
}  // namespace recshim::store
