// llama-stack's own recordings: read, written again, and rendered as the HTTP that makes
// the SDK return what they hold.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shim/http/codec.h"
#include "shim/match/python_json.h"
#include "shim/store/framing.h"
#include "shim/store/recording.h"
#include "tests/unit/store/support.h"

namespace recshim::store {
namespace {

namespace fs = std::filesystem;
using match::Json;

Result<Body> no_body(const std::string& name, uint64_t) {
  return Error{ErrorCode::kNotFound, name};
}

std::string shared_folder() {
  const char* named = std::getenv("RECSHIM_TEST_SHARED");
  return named != nullptr ? named : std::string(RECSHIM_SOURCE_DIR) + "/../shared";
}

std::vector<std::string> shared_files() {
  std::vector<std::string> out;
  for (const char* part : {"/corpus", "/seeds"}) {
    if (!fs::exists(shared_folder() + part)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(shared_folder() + part)) {
      if (entry.path().extension() == ".json") out.push_back(entry.path().string());
    }
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

const Json& unwrap(const Json& entry) {
  return entry.is_object() && entry.contains("__data__") ? entry["__data__"] : entry;
}

http::Exchange rendered(const std::string& text) {
  auto recording = Recording::parse(text);
  EXPECT_TRUE(recording.ok()) << (recording.ok() ? "" : recording.error().message);
  auto exchange = to_exchange(*recording, no_body);
  EXPECT_TRUE(exchange.ok()) << (exchange.ok() ? "" : exchange.error().message);
  return exchange.ok() ? std::move(*exchange) : http::Exchange{};
}

TEST(Corpus, IsReadAndWrittenBack) {
  const auto files = shared_files();
  if (files.empty()) GTEST_SKIP() << "optional data: no recordings in " << shared_folder();
  for (const auto& path : files) {
    const std::string text = content_of(path);
    auto recording = Recording::parse(text);
    ASSERT_TRUE(recording.ok()) << path;
    EXPECT_FALSE(recording->from_recshim());
    EXPECT_EQ(recording->text(), text.ends_with('\n') ? text : text + "\n") << path;
  }
}

TEST(Corpus, IsRenderedAsItsBodiesSay) {
  const auto files = shared_files();
  if (files.empty()) GTEST_SKIP() << "optional data: no recordings in " << shared_folder();
  for (const auto& path : files) {
    SCOPED_TRACE(path);
    auto recording = Recording::parse(content_of(path));
    ASSERT_TRUE(recording.ok());
    auto exchange = to_exchange(*recording, no_body);
    if (recording->not_http()) {
      ASSERT_FALSE(exchange.ok());
      EXPECT_EQ(exchange.error().code, ErrorCode::kUnsupported);
      continue;
    }
    ASSERT_TRUE(exchange.ok()) << exchange.error().message;
    const std::string text = testing::body_text(*exchange);
    const Json& response = recording->json["response"];
    const Json& body = response["body"];
    uint64_t framed = 0;
    for (const auto& boundary : exchange->boundaries) framed += boundary.size_bytes;
    if (exchange->framing == http::Framing::kChunked) {
      EXPECT_EQ(framed, text.size());
    } else {
      EXPECT_EQ(http::find_header(exchange->response.headers, "content-length"),
                std::to_string(text.size()));
    }
    const bool genai = recording->json["request"].value("url", "").starts_with("vertexai:");
    if (response.contains("is_exception")) {
      EXPECT_EQ(exchange->response.status, response["exception_data"]["status_code"]);
      auto document = match::parse_json(text);
      ASSERT_TRUE(document.ok());
      EXPECT_EQ((*document)["error"], response["exception_data"]["body"]);
    } else if (body.is_array() && response["is_streaming"] == true && body[0].is_string()) {
      std::string joined;
      for (const auto& line : body) joined += line.get<std::string>() + "\n";
      EXPECT_TRUE(text == joined || text == joined + "\n");
    } else if (body.is_array() && response["is_streaming"] == true) {
      std::vector<Json> values;
      for (auto& piece : cut(text, StreamKind::kSse)) {
        if (piece.json) values.push_back(std::move(*piece.json));
      }
      ASSERT_EQ(values.size(), body.size());
      for (size_t i = 0; i < values.size() && !genai; ++i) EXPECT_EQ(values[i], unwrap(body[i]));
      if (genai) {
        EXPECT_EQ(values[0]["modelVersion"], body[0]["model_version"]);
        EXPECT_FALSE(values[0].contains("sdkHttpResponse"));
      } else {
        EXPECT_TRUE(text.ends_with("data: [DONE]\n\n") ||
                    recording->json["request"]["endpoint"] == "/v1/responses");
      }
    } else if (body.is_array()) {
      auto document = match::parse_json(text);
      ASSERT_TRUE(document.ok());
      ASSERT_EQ((*document)["data"].size(), body.size());
      for (size_t i = 0; i < body.size(); ++i) EXPECT_EQ((*document)["data"][i], unwrap(body[i]));
    } else if (!genai) {
      auto document = match::parse_json(text);
      ASSERT_TRUE(document.ok());
      EXPECT_EQ(*document, unwrap(body));
    }
  }
}

TEST(LlamaStack, RendersEachKind) {
  const auto with = [](const std::string& request, const std::string& response) {
    return R"({"test_id":null,"request":)" + request + R"(,"response":)" + response + "}";
  };
  const std::string ollama =
      R"({"method":"POST","url":"http://localhost:11434/api/chat","headers":{},"body":{},"endpoint":"/api/chat"})";
  auto lines = rendered(with(
      ollama, R"({"body":[{"__type__":"t","__data__":{"a":null}},{"b":2}],"is_streaming":true})"));
  EXPECT_EQ(testing::body_text(lines), "{\"a\":null}\n{\"b\":2}\n");
  EXPECT_EQ(lines.boundaries.size(), 2U);
  EXPECT_EQ(http::find_header(lines.response.headers, "content-type"), "application/x-ndjson");

  const std::string responses =
      R"({"method":"POST","url":"https://h/v1/v1/responses","body":{},"endpoint":"/v1/responses"})";
  EXPECT_EQ(testing::body_text(rendered(with(
                responses, R"({"body":[{"type":"response.created","n":1}],"is_streaming":true})"))),
            "event: response.created\ndata: {\"type\":\"response.created\",\"n\":1}\n\n");

  const std::string chat =
      R"({"method":"POST","url":"https://h/v1/v1/chat/completions","body":{},"endpoint":"/v1/chat/completions"})";
  const auto stopped = rendered(with(
      chat, R"({"body":[{"id":"x"}],"is_streaming":true,"is_exception":true,"exception_data":)"
            R"({"category":"unknown","type":"E","message":"boom"},"exception_message":"boom"})"));
  EXPECT_EQ(stopped.response.status, 200);
  EXPECT_NE(testing::body_text(stopped).find("boom"), std::string::npos);
  EXPECT_EQ(rendered(with(chat, R"({"body":null,"is_streaming":false,"is_exception":true,)"
                                R"("exception_message":"boom"})"))
                .response.status,
            500);
  EXPECT_EQ(testing::body_text(rendered(with(chat, R"({"body":null,"is_streaming":false})"))), "");

  const std::string generic = R"({"url":"https://h/x","method":"POST","payload":{}})";
  EXPECT_EQ(testing::body_text(
                rendered(with(generic, R"({"body":["event: a","data: 1"],"is_streaming":true})"))),
            "event: a\ndata: 1\n\n");
  EXPECT_EQ(rendered(with(generic, R"({"status":400,"body":{"e":1},"is_streaming":false})"))
                .response.status,
            400);
}

TEST(LlamaStack, RendersGoogleGenAiAsAsked) {
  const std::string text =
      R"({"request":{"url":"vertexai:///generate_content_stream","method":"POST","body":{},)"
      R"("endpoint":"/generate_content_stream"},"response":{"is_streaming":true,"body":[)"
      R"({"sdk_http_response":{"headers":{"Vary":"Origin","Content-Length":"5"}},"model_version":"m",)"
      R"("candidates":[{"content":{"parts":[{"function_call":{"args":{"snake_key":1}}}]}}]},{"a_b":2}]}})";
  auto recording = Recording::parse(text);
  ASSERT_TRUE(recording.ok());
  http::Exchange asked;
  asked.request.target = "/v1/models/m:streamGenerateContent?alt=sse";
  auto sse = to_exchange(*recording, no_body, &asked);
  ASSERT_TRUE(sse.ok());
  EXPECT_EQ(
      testing::body_text(*sse),
      "data: {\"modelVersion\":\"m\",\"candidates\":[{\"content\":{\"parts\":"
      "[{\"functionCall\":{\"args\":{\"snake_key\":1}}}]}}]}\r\n\r\ndata: {\"aB\":2}\r\n\r\n");
  EXPECT_EQ(http::find_header(sse->response.headers, "vary"), "Origin");
  EXPECT_FALSE(http::find_header(sse->response.headers, "content-length"));
  asked.request.target = "/v1/models/m:streamGenerateContent";
  auto array = to_exchange(*recording, no_body, &asked);
  ASSERT_TRUE(array.ok());
  auto list = match::parse_json(testing::body_text(*array));
  ASSERT_TRUE(list.ok());
  EXPECT_EQ(list->size(), 2U);
}

TEST(LlamaStack, GoogleGenAiFilesAreFoundByWhatTheSdkSends) {
  recshim::testing::MemoryEnv env;
  const auto file = [](const std::string& endpoint, const std::string& body) {
    return R"({"test_id":"t.py::t","request":{"method":"POST","url":"vertexai://)" + endpoint +
           R"(","headers":{},"body":)" + body + R"(,"endpoint":")" + endpoint +
           R"("},"response":{"body":{"response_id":"found"},"is_streaming":false}})";
  };
  const std::string arguments =
      R"({"model":"publishers/google/models/gemini-x","contents":"Hi","config":{"top_p":0.5,)"
      R"("http_options":{"timeout":9},"system_instruction":"Be kind","tools":[)"
      R"({"function_declarations":[{"name":"f","parameters_json_schema":{"type":"object"}}]}]}})";
  ASSERT_TRUE(env.make_dirs("/recordings", 0777).ok());
  ASSERT_TRUE(env.write_atomic("/recordings/a.json", file("/generate_content", arguments)).ok());
  testing::Ask ask;
  ask.host = "us-central1-aiplatform.googleapis.com";
  ask.test_id = "t.py::t";
  ask.target = "/v1beta1/projects/p/locations/l/publishers/google/models/gemini-x:generateContent";
  ask.body =
      R"({"contents":[{"parts":[{"text":"Hi"}],"role":"user"}],"systemInstruction":{"parts":[)"
      R"({"text":"Be kind"}],"role":"user"},"tools":[{"functionDeclarations":[{"name":"f",)"
      R"("parametersJsonSchema":{"type":"object"}}]}],"generationConfig":{"topP":0.5}})";
  const auto answer = [&](const testing::Ask& asked) {
    Store store(env, testing::options_for("p"));
    return testing::replayed(store, asked);
  };
  EXPECT_EQ(answer(ask), R"({"responseId":"found"})");
  testing::Ask other = ask;
  other.target.insert(other.target.rfind("gemini-x"), "a-");
  EXPECT_EQ(answer(other), "MISS");
  other = ask;
  other.target.replace(other.target.rfind(":generate"), 9, ":streamGenerate");
  EXPECT_EQ(answer(other), "MISS");
  other = ask;
  other.body.replace(other.body.rfind("0.5"), 3, "0.6");
  EXPECT_EQ(answer(other), "MISS");
}

TEST(LlamaStack, GzippedGoogleGenAiIsSentAsItSays) {
  const auto out = rendered(
      R"({"request":{"url":"vertexai:///generate_content","method":"POST","body":{}},"response":)"
      R"({"body":{"sdk_http_response":{"headers":{"Content-Type":"application/json",)"
      R"("Content-Encoding":"gzip","Transfer-Encoding":"chunked"}},"a_b":1},"is_streaming":false}})");
  EXPECT_EQ(http::find_header(out.response.headers, "content-encoding"), "gzip");
  EXPECT_EQ(out.framing, http::Framing::kChunked);
  auto decoded = http::decode_content(testing::body_text(out), "gzip", 1000);
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(*decoded, R"({"aB":1})");
}

TEST(LlamaStack, ModelListsAreMerged) {
  recshim::testing::MemoryEnv env;
  testing::Ask ask;
  ask.target = "/v1/models";
  ask.method = "GET";
  ask.body = "";
  auto key = match::compute_key(testing::request_of(ask), ask.test_id, {});
  ASSERT_TRUE(key.ok());
  for (const std::string id : {"b", "a"}) {
    Json file = Json::object();
    file["test_id"] = nullptr;
    file["request"] = key->request;
    file["response"]["body"] = Json::array();
    file["response"]["body"].push_back(
        Json{{"__type__", "openai.types.model.Model"}, {"__data__", Json{{"id", id}}}});
    file["response"]["is_streaming"] = false;
    ASSERT_TRUE(env.write_atomic("/recordings/models-" + key->hash + "-" + id + ".json",
                                 Recording{file}.text())
                    .ok());
  }
  Store store(env, testing::options_for("p"));
  EXPECT_EQ(testing::replayed(store, ask), R"({"object":"list","data":[{"id":"a"},{"id":"b"}]})");

  // Another server's list of the same key stays apart, and answers it alone.
  Json file = Json::object();
  file["request"] = key->request;
  file["request"]["url"] = "http://localhost:8000/v1/models";
  file["response"]["body"] = Json::array({Json{{"id", "c"}}});
  ASSERT_TRUE(
      env.write_atomic("/recordings/models-" + key->hash + "-c.json", Recording{file}.text()).ok());
  Store next(env, testing::options_for("q"));
  EXPECT_EQ(testing::replayed(next, ask), R"({"object":"list","data":[{"id":"a"},{"id":"b"}]})");
  ask.host = "localhost";
  EXPECT_EQ(testing::replayed(next, ask), R"({"object":"list","data":[{"id":"c"}]})");
}

}  // namespace
}  // namespace recshim::store
