// exchange → file text → exchange gives the same bytes, whatever the body and framing;
// and what stands in the file is readable.
#include <gtest/gtest.h>

#include <random>

#include "shim/base/sha256.h"
#include "shim/match/python_json.h"
#include "shim/store/comparison.h"
#include "shim/store/recording.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using testing::Answer;
using testing::Ask;
using testing::body_text;

Result<Body> no_body(const std::string& name, uint64_t) {
  return Error{ErrorCode::kNotFound, "no file " + name};
}

struct Tripped {
  match::Json file;
  http::Exchange exchange;
  std::string text;
};

Tripped trip(const http::Exchange& exchange, const match::MatchOptions& options = {}) {
  Tripped out;
  auto key = match::compute_key(exchange, exchange.test_id, options);
  EXPECT_TRUE(key.ok());
  auto recording = to_recording(exchange, *key, 1, std::nullopt, options);
  EXPECT_TRUE(recording.ok()) << (recording.ok() ? "" : recording.error().message);
  out.text = recording->text();
  auto parsed = Recording::parse(out.text);
  EXPECT_TRUE(parsed.ok()) << (parsed.ok() ? "" : parsed.error().message);
  if (!parsed.ok()) return out;
  EXPECT_EQ(parsed->text(), out.text);
  EXPECT_TRUE(same_but_for_volatile(*recording, *parsed, {}));
  out.file = parsed->json;
  auto back = to_exchange(*parsed, no_body);
  EXPECT_TRUE(back.ok()) << (back.ok() ? "" : back.error().message) << out.text;
  if (back.ok()) out.exchange = std::move(*back);
  return out;
}

void expect_same(const http::Exchange& a, const http::Exchange& b) {
  EXPECT_EQ(body_text(a), body_text(b));
  EXPECT_EQ(a.origin, b.origin);
  EXPECT_EQ(a.response.status, b.response.status);
  EXPECT_EQ(a.response.reason, b.response.reason);
  EXPECT_EQ(a.response.version, b.response.version);
  EXPECT_EQ(a.response.exact, b.response.exact);
  EXPECT_EQ(a.response.headers, b.response.headers);
  EXPECT_EQ(a.framing, b.framing);
  EXPECT_EQ(a.boundaries, b.boundaries);
  EXPECT_EQ(a.last_chunk_line, b.last_chunk_line);
  EXPECT_EQ(a.response_trailers, b.response_trailers);
  EXPECT_EQ(a.exact_trailers, b.exact_trailers);
  EXPECT_EQ(a.truncation, b.truncation);
  EXPECT_EQ(a.closed_after, b.closed_after);
  EXPECT_EQ(a.ragged_close, b.ragged_close);
  EXPECT_EQ(a.started_wall_us, b.started_wall_us);
  EXPECT_EQ(a.head_offset_us, b.head_offset_us);
  EXPECT_EQ(a.end_offset_us, b.end_offset_us);
  EXPECT_EQ(a.test_id, b.test_id);
  EXPECT_EQ(a.test_phase, b.test_phase);
  ASSERT_EQ(a.informational.size(), b.informational.size());
  for (size_t i = 0; i < a.informational.size(); ++i) {
    EXPECT_EQ(a.informational[i].status, b.informational[i].status);
    EXPECT_EQ(a.informational[i].headers, b.informational[i].headers);
  }
}

const char* const kDialectTargets[] = {"/v1/chat/completions", "/v1/responses", "/v1/models",
                                       "/v1/embeddings",       "/api/chat",     "/api/tags",
                                       "/v1/messages"};

void expect_body(const std::string& body, const std::string& type, const std::string& coding = "",
                 int status = 200) {
  for (const char* target : kDialectTargets) {
    Ask ask;
    ask.target = target;
    Answer answer{status, type, coding.empty() ? body : testing::gzip(body), coding};
    const auto exchange = testing::exchange_of(ask, answer);
    SCOPED_TRACE(std::string(target) + " " + type + " " + body.substr(0, 200));
    expect_same(exchange, trip(exchange).exchange);
  }
}

TEST(RoundTrip, JsonInEveryStyle) {
  const std::string texts[] = {
      R"({"id":"chatcmpl-9","object":"chat.completion","created":1700000001,"model":"m","choices":[]})",
      R"({"id": "a/b", "created": 1.5, "n": [1, -0.25, 1e-07, 1e+22], "s": "\u00e9 \ud83d\ude00"})",
      R"({"created_at":"2026-01-01T00:00:00.123456Z","total_duration":5,"eval_duration":null,"done":true})",
      R"({"object":"list","data":[{"id":"m1","object":"model","created":5,"owned_by":"x"},{"id":"m2","object":"model","created":6,"owned_by":"y"}],"has_more":false})",
      R"({"models":[{"name":"a","model":"a","size":123456789012345678901234567890}]})",
      R"([1,2,[],{},"",null,true])",
      R"("just text")",
      "17",
      "{}",
      "[]",
      "null"};
  for (const auto& text : texts) {
    auto value = match::parse_json(text);
    ASSERT_TRUE(value.ok()) << text;
    for (const char* style :
         {"compact", "python", "colon", "indent2", "indent4", "tab", "compact+ascii",
          "python+ascii", "compact+slash", "compact+html", "indent2+newline"}) {
      const auto named = match::style_from_name(style);
      ASSERT_TRUE(named) << style;
      expect_body(match::dump(*value, *named), "application/json");
    }
    expect_body("\n " + text + " \r\n", "application/json; charset=utf-8");
    expect_body(text, "text/plain");
    expect_body(text, "application/json", "gzip");
    expect_body(text, "application/json", "", 404);
  }
}

TEST(RoundTrip, JsonThatNoStyleReproduces) {
  for (const std::string& text :
       {std::string(R"({"id":"x","id":"y"})"), std::string(R"({"a":1.50,"b":-0,"c":1E5})"),
        std::string(R"({ "a" :1})"), std::string(R"({"a":"\u0041"})"),
        std::string(R"({"a":"\ud800"})"), std::string("\xef\xbb\xbf{\"a\":1}"),
        std::string("{\"a\":\"\xff\"}"), std::string(R"({"a":)"), std::string(R"({"a":1}x)"),
        std::string(2000, '['), std::string("{\"a\": NaN}"),
        std::string(R"({"__type__":"t","__data__":{"id":"q"}})"),
        std::string("{\"a\":1,\n\"b\":2}")}) {
    expect_body(text, "application/json");
    expect_body(text, "application/json", "gzip");
    expect_body("data: " + text + "\n\n", "text/event-stream");
    expect_body(text + "\n", "application/x-ndjson");
  }
}

TEST(RoundTrip, EventStreams) {
  const std::string a =
      R"({"id":"c1","object":"chat.completion.chunk","created":17,"choices":[{"delta":{"content":"hé"}}]})";
  const std::string b = R"({"id":"c1","object":"chat.completion.chunk","created":17,"choices":[]})";
  const std::string c = R"({"id":"c2","created":18,"type":"response.created"})";
  for (const std::string nl : {"\n", "\r\n", "\r"}) {
    for (const std::string space : {" ", ""}) {
      const auto event = [&](const std::string& json) { return "data:" + space + json + nl + nl; };
      expect_body(event(a) + event(b) + event(c) + event("[DONE]"), "text/event-stream");
      expect_body(event(a) + event("[DONE]") + "data: tail without end", "text/event-stream");
      expect_body(": comment" + nl + nl + event(a) + "event: ping" + nl + nl + event(b) + "id: 5" +
                      nl + event(c),
                  "text/event-stream; charset=utf-8");
      expect_body("event:" + space + "response.created" + nl + event(c) + event(a),
                  "text/event-stream");
      expect_body("data: {\"a\":" + nl + "data: 1}" + nl + nl, "text/event-stream");
      expect_body(event(a) + nl + nl + event(b), "text/event-stream");
      expect_body(event(a) + "data: {\"cut", "text/event-stream");
      expect_body(event(a) + event("\xff\xfe"), "text/event-stream");
      expect_body(a + nl + b + nl + c + nl, "application/x-ndjson");
      expect_body(a + nl + nl + b + nl + "{\"cut\":", "application/x-ndjson");
      expect_body(a + nl + b, "application/x-ndjson");
      expect_body(event(a) + event(b), "text/event-stream", "gzip");
    }
  }
  expect_body("\n", "text/event-stream");
  expect_body("x", "text/event-stream");
}

TEST(RoundTrip, AnyBytes) {
  std::mt19937 random(20261122);
  const std::string alphabet = "{}[]\",:\\ndata \r\n0e.-\xc3\xa9\xff\x00";
  for (int i = 0; i < 120; ++i) {
    std::string body;
    const size_t size = random() % 60;
    for (size_t k = 0; k < size; ++k) body += alphabet[random() % alphabet.size()];
    const char* const types[] = {"application/json",         "text/event-stream",
                                 "application/x-ndjson",     "text/plain",
                                 "application/octet-stream", ""};
    expect_body(body, types[random() % 6], random() % 3 == 0 ? "gzip" : "");
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  expect_body(all, "image/png");
}

TEST(RoundTrip, HeadsFramingAndEnds) {
  auto exchange =
      testing::exchange_of({}, {200, "text/event-stream", "data: {\"id\":\"x\"}\n\n", ""});
  exchange.origin = {"http", "::1", 8080};
  exchange.response.version = "1.0";
  exchange.response.reason = "Very\xff odd";
  exchange.response.headers.push_back({"X-Bytes", "caf\xe9"});
  exchange.response.exact = "HTTP/1.0  200 Very\xff odd\nX:y\n\n";
  exchange.framing = http::Framing::kChunked;
  exchange.boundaries = {{10, 5, ""}, {8, 70000, "0008;ext=\"\xff\""}};
  exchange.last_chunk_line = "000";
  exchange.response_trailers = {{"X-Sum", "1"}};
  exchange.exact_trailers = "X-Sum:1\r\n";
  exchange.closed_after = true;
  exchange.ragged_close = true;
  http::ResponseHead hint;
  hint.status = 103;
  hint.reason = "Early Hints";
  hint.headers = {{"Link", "</a>"}};
  exchange.informational = {hint};
  exchange.head_offset_us = 123;
  exchange.end_offset_us = 456789;
  expect_same(exchange, trip(exchange).exchange);
  for (const auto truncation :
       {http::Truncation::kEof, http::Truncation::kReset, http::Truncation::kClient}) {
    exchange.truncation = truncation;
    exchange.boundaries[1].size_bytes = 500;  // announced, never came whole
    expect_same(exchange, trip(exchange).exchange);
  }
  auto empty = testing::exchange_of({}, {204, "", "", ""});
  empty.framing = http::Framing::kNone;
  const auto tripped = trip(empty);
  expect_same(empty, tripped.exchange);
  EXPECT_TRUE(tripped.file["response"]["body"].is_null());
}

TEST(Recordings, AreReadableAndNormalised) {
  auto exchange = testing::exchange_of(
      {}, {200, "application/json", testing::completion("hello", "chatcmpl-77"), ""});
  const auto file = trip(exchange).file;
  const auto& body = file["response"]["body"];
  EXPECT_EQ(body["__type__"], "openai.types.chat.chat_completion.ChatCompletion");
  EXPECT_TRUE(body["__data__"]["id"].get<std::string>().starts_with("rec-"));
  EXPECT_EQ(body["__data__"]["created"], 0);
  EXPECT_EQ(file["recshim"]["originals"]["/id"], "chatcmpl-77");
  EXPECT_EQ(file["recshim"]["originals"]["/created"], 1700000000);
  EXPECT_EQ(file["recshim"]["body"]["style"], "compact");
  EXPECT_FALSE(file["response"].contains("status"));
  std::vector<std::string> keys;
  for (auto it = file.begin(); it != file.end(); ++it) keys.push_back(it.key());
  EXPECT_EQ(keys, (std::vector<std::string>{"test_id", "request", "response",
                                            "id_normalization_mapping", "recshim"}));
}

TEST(Recordings, KeepStreamsChunkByChunk) {
  std::string text;
  for (int i = 0; i < 50; ++i) {
    text +=
        "data: "
        "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":9,\"choices\":[{"
        "\"index\":" +
        std::to_string(i) + "}]}\n\n";
  }
  text += "data: [DONE]\n\n";
  const auto tripped = trip(testing::exchange_of({}, {200, "text/event-stream", text, ""}));
  EXPECT_EQ(tripped.file["response"]["body"].size(), 50U);
  EXPECT_TRUE(tripped.file["response"]["is_streaming"]);
  EXPECT_EQ(tripped.file["response"]["body"][3]["__type__"],
            "openai.types.chat.chat_completion_chunk.ChatCompletionChunk");
  EXPECT_EQ(tripped.file["recshim"]["originals"].size(), 2U);
  EXPECT_FALSE(tripped.file["recshim"].contains("originals_by_chunk"));
  EXPECT_EQ(tripped.file["recshim"]["body"]["between"]["50"], "data: [DONE]\n\n");

  std::string lines;
  for (int i = 0; i < 3; ++i) {
    lines += "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:0" + std::to_string(i) +
             "Z\",\"done\":false}\n";
  }
  Ask ask;
  ask.target = "/api/chat";
  const auto ollama = trip(testing::exchange_of(ask, {200, "application/x-ndjson", lines, ""}));
  EXPECT_EQ(body_text(ollama.exchange), lines);
  EXPECT_EQ(ollama.file["recshim"]["originals_by_chunk"]["/created_at"].size(), 3U);
}

TEST(Recordings, GenericEventStreamsAreLines) {
  Ask ask;
  ask.target = "/v1/messages";
  const auto tripped =
      trip(testing::exchange_of(ask, {200, "text/event-stream", "event: a\ndata: {}\n\n", ""}));
  EXPECT_EQ(tripped.file["response"]["body"], match::Json::array({"event: a", "data: {}", ""}));
  EXPECT_EQ(tripped.file["response"]["status"], 200);
}

TEST(Recordings, HoldNoSecrets) {
  auto exchange = testing::exchange_of({}, {200, "application/json", R"({"k":"hush-hush"})", ""});
  exchange.request.target = "/v1/chat/completions?api_key=abcdefgh";
  exchange.response.headers.push_back({"Set-Cookie", "sid=topsecret; Path=/"});
  exchange.response.exact = "HTTP/1.1 200 OK\nSet-Cookie: sid=topsecret; Path=/\n\n";
  match::MatchOptions options;
  options.redact_values = {"hush-hush"};
  const auto tripped = trip(exchange, options);
  for (const char* secret : {"sk-secret", "topsecret", "hush-hush", "abcdefgh"}) {
    EXPECT_EQ(tripped.text.find(secret), std::string::npos) << secret;
  }
  EXPECT_NE(tripped.text.find("Path=/"), std::string::npos);
  // What is replayed still is a whole message.
  EXPECT_EQ(http::find_header(tripped.exchange.response.headers, "content-length"),
            std::to_string(tripped.exchange.response_body.size()));
}

TEST(Recordings, AreTheSameButForVolatileValues) {
  const auto recording = [](const std::string& id, int created, const std::string& date,
                            const std::string& text, const std::string& coding) {
    const std::string body = testing::completion(text, id, created);
    auto exchange = testing::exchange_of(
        {}, {200, "application/json", coding.empty() ? body : testing::gzip(body), coding});
    exchange.response.headers[0].value = date;
    exchange.started_wall_us += static_cast<uint64_t>(created);
    exchange.end_offset_us = static_cast<uint64_t>(created);
    auto key = match::compute_key(exchange, exchange.test_id, {});
    return *to_recording(exchange, *key, 1, std::nullopt);
  };
  for (const char* coding : {"", "gzip"}) {
    const auto a = recording("chatcmpl-1", 1, "Mon", "x", coding);
    EXPECT_TRUE(same_but_for_volatile(a, recording("chatcmpl-222", 22, "Tue", "x", coding), {}));
    EXPECT_FALSE(same_but_for_volatile(a, recording("chatcmpl-1", 1, "Mon", "y", coding), {}));
  }
}

TEST(Recordings, WithoutABodyAreTheSameAsNone) {
  auto broken = Recording::parse(
      R"({"request":{"url":"http://h/api/chat","endpoint":"/api/chat"},"response":{},)"
      R"("recshim":{"version":1,"request":{"headers":[]},"response":{"status":200}}})");
  ASSERT_TRUE(broken.ok()) << broken.error().message;
  EXPECT_FALSE(same_but_for_volatile(*broken, *broken, {}));
}

TEST(Recordings, SayWhereTheyAreBroken) {
  const auto exchange = testing::exchange_of({}, {200, "application/json", R"({"id":"x"})", ""});
  const match::Json good = trip(exchange).file;
  const auto error_of = [](const std::string& text) {
    auto recording = Recording::parse(text);
    if (!recording.ok()) return recording.error().message;
    auto back = to_exchange(*recording, no_body);
    return back.ok() ? std::string("fine") : back.error().message;
  };
  const auto broken = [&](const std::string& pointer, const match::Json& value) {
    match::Json file = good;
    file[match::Json::json_pointer(pointer)] = value;
    return error_of(Recording{file}.text());
  };
  EXPECT_EQ(error_of(Recording{good}.text()), "fine");
  EXPECT_NE(error_of("{").find("not JSON"), std::string::npos);
  EXPECT_EQ(error_of("[]"), "/: must be an object");
  EXPECT_EQ(error_of("{}"), "/request: is missing");
  for (const auto& [pointer, value] : std::vector<std::pair<std::string, match::Json>>{
           {"/request", 1},
           {"/test_id", 5},
           {"/recshim/version", "1"},
           {"/recshim/version", 2},
           {"/recshim/repeat", 0},
           {"/recshim/origin", "nowhere"},
           {"/recshim/origin", "https://a:99999"},
           {"/recshim/response/status", 1000},
           {"/recshim/response/framing", "odd"},
           {"/recshim/response/headers/0", "x"},
           {"/recshim/response/boundaries", match::Json::array({1})},
           {"/recshim/body/style", "odd"},
           {"/recshim/body/form", 3},
           {"/recshim/body/encoded", "?"},
           {"/recshim/body/file", "../x"},
           {"/recshim/originals", match::Json::array()}}) {
    const std::string message = broken(pointer, value);
    EXPECT_EQ(message.substr(0, 8), pointer.substr(0, 8)) << pointer << ": " << message;
    EXPECT_NE(message, "fine") << pointer;
  }
  match::Json beside = good;
  beside["response"]["body"] = nullptr;
  beside["recshim"]["body"] = {{"file", "gone.body"}};
  EXPECT_EQ(error_of(Recording{beside}.text()).find("/recshim/body/file: gone.body"), 0u);
}

}  // namespace
}  // namespace recshim::store
