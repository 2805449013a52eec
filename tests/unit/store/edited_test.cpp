// Recordings that somebody has edited: what response.body says is sent, whole and with a true head.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "shim/http/codec.h"
#include "shim/store/recording.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

using match::Json;
using testing::Answer;
using testing::Ask;

struct Replayed {
  std::string body;
  std::string length;  // Content-Length
  std::string coding;
  uint64_t framed = 0;
  size_t chunks = 0;
  bool edited = false;
  std::string error;
};

struct Edited : ::testing::Test {
  // Records, edits the file as JSON and reads it again.
  static Replayed edit(http::Exchange exchange, const std::function<void(Json& file)>& change) {
    auto key = match::compute_key(exchange, exchange.test_id, {}, false);
    EXPECT_TRUE(key.ok());
    auto recording = to_recording(exchange, *key, 1, std::nullopt);
    EXPECT_TRUE(recording.ok());
    Json file = recording->json;
    change(file);
    auto parsed = Recording::parse(Recording{file}.text());
    EXPECT_TRUE(parsed.ok());
    Replayed out;
    auto back = to_exchange(
        *parsed,
        [](const std::string&, uint64_t) -> Result<Body> {
          return Error{ErrorCode::kNotFound, "none"};
        },
        nullptr, &out.edited);
    if (!back.ok()) {
      out.error = back.error().message;
      return out;
    }
    const auto header = [&](const char* name) {
      return std::string(http::find_header(back->response.headers, name).value_or(""));
    };
    out.body = testing::body_text(*back);
    out.length = header("content-length");
    out.coding = header("content-encoding");
    for (const auto& boundary : back->boundaries) out.framed += boundary.size_bytes;
    out.chunks = back->boundaries.size();
    return out;
  }
  static Ask generic() {
    Ask ask;
    ask.target = "/things";
    return ask;
  }
  static http::Exchange chunked(const Ask& ask, Answer answer, const std::vector<size_t>& sizes) {
    http::Exchange out = testing::exchange_of(ask, answer);
    std::erase_if(out.response.headers,
                  [](const http::Header& header) { return header.name == "Content-Length"; });
    out.response.headers.push_back({"Transfer-Encoding", "chunked"});
    out.framing = http::Framing::kChunked;
    for (const size_t size : sizes) {
      http::Boundary boundary;
      boundary.size_bytes = size;
      out.boundaries.push_back(boundary);
    }
    return out;
  }
};

TEST_F(Edited, JsonKeepsItsStyleAndGetsATrueLength) {
  const Answer answer{200, "application/json", R"({"a": 1, "b": "x"})", ""};
  const auto same = edit(testing::exchange_of(generic(), answer), [](Json&) {});
  EXPECT_EQ(same.body, answer.body);
  EXPECT_FALSE(same.edited);
  const auto longer = edit(testing::exchange_of(generic(), answer),
                           [](Json& file) { file["response"]["body"]["b"] = "a longer text"; });
  EXPECT_EQ(longer.body, R"({"a": 1, "b": "a longer text"})");
  EXPECT_EQ(longer.length, std::to_string(longer.body.size()));
  EXPECT_TRUE(longer.edited);
  const auto list = edit(testing::exchange_of(generic(), answer),
                         [](Json& file) { file["response"]["body"] = Json::array(); });
  EXPECT_EQ(list.body + list.length, "[]2");
}

TEST_F(Edited, JsonOfNoStyleIsWrittenAnew) {
  const Answer answer{200, "application/json", "{\"a\" :1,\"b\":   2}", ""};
  EXPECT_EQ(edit(testing::exchange_of(generic(), answer), [](Json&) {}).body, answer.body);
  const auto edited = edit(testing::exchange_of(generic(), answer),
                           [](Json& file) { file["response"]["body"]["a"] = 7; });
  EXPECT_EQ(edited.body + " " + edited.length, R"({"a":7,"b":2} 13)");
}

TEST_F(Edited, ACompressedAnswerIsSentDecoded) {
  const std::string text = R"({"a": 1})";
  const Answer answer{200, "application/json", testing::gzip(text), "gzip"};
  const auto same = edit(testing::exchange_of(generic(), answer), [](Json&) {});
  EXPECT_EQ(same.body, answer.body);
  EXPECT_EQ(same.coding, "gzip");
  EXPECT_FALSE(same.edited);
  const auto edited = edit(testing::exchange_of(generic(), answer),
                           [](Json& file) { file["response"]["body"]["a"] = 22; });
  EXPECT_EQ(edited.body, R"({"a": 22})");
  EXPECT_EQ(edited.length + edited.coding, "9");
  EXPECT_TRUE(edited.edited);
}

TEST_F(Edited, ADialectsCompressedAnswerKeepsItsOwnIds) {
  const Answer answer{200, "application/json", testing::gzip(testing::completion("hello")), "gzip"};
  EXPECT_FALSE(edit(testing::exchange_of({}, answer), [](Json&) {}).edited);
  const auto edited = edit(testing::exchange_of({}, answer), [](Json& file) {
    Json& data = file["response"]["body"].contains("__data__")
                     ? file["response"]["body"]["__data__"]
                     : file["response"]["body"];
    data["choices"][0]["message"]["content"] = "bye";
  });
  EXPECT_EQ(edited.body, testing::completion("bye"));
}

TEST_F(Edited, AnIdThatWasEditedIsSent) {
  const Answer answer{200, "application/json", testing::completion("hello"), ""};
  const auto edited = edit(testing::exchange_of({}, answer), [](Json& file) {
    Json& data = file["response"]["body"].contains("__data__")
                     ? file["response"]["body"]["__data__"]
                     : file["response"]["body"];
    data["id"] = "chatcmpl-mine";
    data["created"] = 5;
  });
  EXPECT_EQ(edited.body, testing::completion("hello", "chatcmpl-mine", 5));
}

TEST_F(Edited, ChunksFollowTheBody) {
  const Answer answer{200, "text/plain", "one two", ""};
  const auto edited = edit(chunked(generic(), answer, {4, 3}),
                           [](Json& file) { file["response"]["body"] = "something else"; });
  EXPECT_EQ(edited.body, "something else");
  EXPECT_EQ(edited.framed, edited.body.size());
  EXPECT_TRUE(edited.edited);
  const auto emptied =
      edit(chunked(generic(), answer, {4, 3}), [](Json& file) { file["response"]["body"] = ""; });
  EXPECT_EQ(emptied.body, "");
  EXPECT_EQ(emptied.chunks, 0u);
}

TEST_F(Edited, AStreamsEventsStillComeOneByOneAndItsEndMarkLast) {
  const auto event = [](const std::string& id, const std::string& text) {
    return "data: {\"id\":\"" + id + R"(","choices":[{"delta":{"content":")" + text + "\"}}]}\n\n";
  };
  const std::string done = "data: [DONE]\n\n";
  const std::string odd = "data: {\"id\":\"c\",  \"choices\":[]}\n\n";
  const Answer answer{200, "text/event-stream", event("c", "a") + odd + event("c", "b") + done, ""};
  const auto record = [&] {
    return chunked({}, answer,
                   {event("c", "a").size(), odd.size(), event("c", "b").size(), done.size()});
  };
  EXPECT_EQ(edit(record(), [](Json&) {}).body, answer.body);
  const auto of = [](Json& entry) -> Json& {
    return entry.contains("__data__") ? entry["__data__"] : entry;
  };
  const auto longer = edit(record(), [&](Json& file) {
    Json& body = file["response"]["body"];
    of(body[0])["choices"][0]["delta"]["content"] = "longer";
    of(body[1])["model"] = "m";
  });
  EXPECT_EQ(longer.body, event("c", "longer") +
                             "data: {\"id\":\"c\",\"choices\":[],\"model\":\"m\"}\n\n" +
                             event("c", "b") + done);
  EXPECT_EQ(longer.chunks, 4u);
  EXPECT_EQ(longer.framed, longer.body.size());
  const auto added = edit(record(), [&](Json& file) {
    Json& body = file["response"]["body"];
    body.push_back(body[2]);
  });
  EXPECT_EQ(added.body, event("c", "a") + odd + event("c", "b") + event("c", "b") + done);
  const auto removed = edit(record(), [&](Json& file) { file["response"]["body"].erase(1); });
  EXPECT_EQ(removed.body, event("c", "a") + event("c", "b") + done);
}

TEST_F(Edited, ABodyOfBytesOrNoneCanBeWritten) {
  const Answer bytes{200, "application/octet-stream", std::string("\x00\xff\x01", 3), ""};
  const auto edited = edit(testing::exchange_of(generic(), bytes),
                           [](Json& file) { file["response"]["body"] = "now text"; });
  EXPECT_EQ(edited.body + edited.length, "now text8");
  const auto filled =
      edit(testing::exchange_of(generic(), {200, "text/plain", "", ""}), [](Json& file) {
        file["response"]["body"] = Json{{"a", 1}};
      });
  EXPECT_EQ(filled.body + filled.length, R"({"a":1}7)");
  const auto object =
      edit(testing::exchange_of(generic(), {200, "text/plain", "text", ""}), [](Json& file) {
        file["response"]["body"] = Json{{"a", 1}};
      });
  EXPECT_EQ(object.body + object.length, R"({"a":1}7)");
}

TEST_F(Edited, WhereThereCanBeNoBodyItIsAnErrorThatSaysSo) {
  Ask head = generic();
  head.method = "HEAD";
  http::Exchange answered = testing::exchange_of(head, {200, "text/plain", "", ""});
  answered.framing = http::Framing::kNone;
  answered.response.headers.back().value = "120";  // what a GET would give
  const auto same = edit(std::move(answered), [](Json&) {});
  EXPECT_EQ(same.length + same.error, "120");
  http::Exchange none = testing::exchange_of(generic(), {204, "text/plain", "", ""});
  none.framing = http::Framing::kNone;
  const auto edited =
      edit(std::move(none), [](Json& file) { file["response"]["body"] = "something"; });
  EXPECT_EQ(edited.error, "/response/body: an answer of 204 has none");
}

TEST_F(Edited, AHeadThatContradictsTheBodyIsMadeTrue) {
  const Answer answer{200, "text/plain", "text", ""};
  const auto headers = [](Json& file) -> Json& { return file["recshim"]["response"]["headers"]; };
  const auto wrong = edit(testing::exchange_of(generic(), answer), [&](Json& file) {
    for (auto& pair : headers(file)) {
      if (pair[0] == "Content-Length") pair[1] = "400";
    }
  });
  EXPECT_EQ(wrong.body + wrong.length, "text4");
  EXPECT_TRUE(wrong.edited);
  const auto both = edit(chunked(generic(), answer, {4}), [&](Json& file) {
    headers(file).erase(headers(file).size() - 1);
    headers(file).push_back(Json::array({"Content-Length", "4000"}));
  });
  EXPECT_EQ(both.length, "") << "it is chunked";
}

}  // namespace
}  // namespace recshim::store
