// Keys of requests on the wire; expected hashes come from Python's hashlib and json.dumps.
#include "shim/match/request_key.h"

#include <gtest/gtest.h>

#include "shim/base/env.h"
#include "shim/base/sha256.h"

namespace recshim::match {
namespace {

const MatchOptions kNone;

struct Request {
  std::string origin = "https://h.example";
  std::string method = "POST";
  std::string target = "/";
  std::string type = "application/json";
  std::string body;
  http::Headers headers = {};
};

http::Exchange exchange(const Request& request) {
  http::Exchange out;
  const size_t host = request.origin.find("://") + 3;
  out.origin.scheme = request.origin.substr(0, host - 3);
  out.origin.host = request.origin.substr(host);
  out.origin.port = out.origin.scheme == "https" ? 443 : 80;
  if (const size_t colon = out.origin.host.rfind(':'); colon != std::string::npos) {
    out.origin.port = static_cast<uint16_t>(std::stoi(out.origin.host.substr(colon + 1)));
    out.origin.host.resize(colon);
  }
  out.request.method = request.method;
  out.request.target = request.target;
  if (!request.type.empty()) out.request.headers.push_back({"content-type", request.type});
  for (const http::Header& header : request.headers) out.request.headers.push_back(header);
  out.request_body = Body(request.body);
  return out;
}

RequestKey key(const Request& request, const std::optional<std::string>& test_id = std::nullopt,
               const MatchOptions& options = kNone) {
  Result<RequestKey> out = compute_key(exchange(request), test_id, options);
  EXPECT_TRUE(out.ok());
  return out.ok() ? *out : RequestKey();
}

std::string text(const Json& value) {
  return dump(value, compact_style());
}

TEST(DialectOf, GoesByThePath) {
  const std::pair<const char*, Dialect> cases[] = {
      {"/v1/chat/completions", Dialect::kOpenAi},
      {"/completions", Dialect::kOpenAi},
      {"/openai/v1/embeddings", Dialect::kOpenAi},
      {"/v1/responses", Dialect::kOpenAi},
      {"/models", Dialect::kOpenAi},
      {"/v1/responses/resp_1", Dialect::kGeneric},
      {"/v1/messages", Dialect::kGeneric},
      {"/xmodels", Dialect::kGeneric},
      {"/api/chat", Dialect::kOllama},
      {"/api/embed", Dialect::kOllama},
      {"/api/embeddings", Dialect::kOllama},
      {"/x/api/chat", Dialect::kGeneric},
      {"/api/show", Dialect::kGeneric},
      {"", Dialect::kGeneric},
  };
  for (const auto& [path, dialect] : cases) EXPECT_EQ(dialect_of(path, kNone), dialect) << path;
  MatchOptions options;
  options.openai_paths = {"/rerank"};
  EXPECT_EQ(dialect_of("/v1/rerank", options), Dialect::kOpenAi);
}

TEST(OpenAiKey, IsTheRecorders) {
  const Request request{
      .origin = "https://api.openai.com",
      .target = "/v1/chat/completions",
      .body =
          "{\"temperature\":0.7000001,\"stream\":true,\"model\":\"m\",\"messages\":"
          "[{\"role\":\"user\",\"content\":\"\xC3\xA9 3.14159265\"}]}"};
  const RequestKey out = key(request, "t.py::a");
  EXPECT_EQ(out.hash, "e0370d610340cb9be3947260ad2d21f8e6f97989ecfb9cc7116e7ebba00b29e4");
  EXPECT_EQ(out.dialect, Dialect::kOpenAi);
  EXPECT_EQ(out.method, "POST");
  EXPECT_EQ(out.path, "/v1/v1/chat/completions");
  EXPECT_FALSE(out.model_list);
  EXPECT_EQ(sha256_hex(out.canonical), out.hash);
  EXPECT_EQ(text(out.request),
            "{\"method\":\"POST\",\"url\":\"https://api.openai.com/v1/v1/chat/completions\","
            "\"headers\":{},\"body\":{\"temperature\":0.7000001,\"stream\":true,\"model\":\"m\","
            "\"messages\":[{\"role\":\"user\",\"content\":\"\xC3\xA9 3.14159265\"}]},"
            "\"endpoint\":\"/v1/chat/completions\",\"model\":\"m\"}");
  EXPECT_EQ(key(request).hash, "2af357d8cd24b8a9bd049f75646437bbe3c99e4a89b3de9091f868d989b4e05f");
  EXPECT_EQ(key(request, "").hash, key(request).hash);
  // White space, the order of keys and how characters are spelled do not matter.
  Request respelled = request;
  respelled.body =
      "{ \"model\": \"m\", \"messages\": [{\"content\": \"\\u00e9 3.14159265\", \"role\": "
      "\"user\"}]"
      ",\n\"stream\": true, \"temperature\": 0.70}";
  respelled.type = "text/plain";
  EXPECT_EQ(key(respelled, "t.py::a").hash, out.hash);
}

TEST(OpenAiKey, SeenByHashOfRecordedAlike) {
  const Request request{.target = "/v1/completions",
                        .body = R"({"model":"m","prompt":"1.23456789"})"};
  const RequestKey out = key(request, "t");
  EXPECT_EQ(hash_of_recorded(out.request, "t", kNone), out.hash);
}

TEST(OpenAiKey, ModelListsLeaveTheTestOutForTheRecordersPathsOnly) {
  Request request{.method = "GET", .target = "/models", .type = ""};
  const RequestKey shared = key(request, "t");
  EXPECT_EQ(shared.hash, "3a641f25d65695766fb77e424273f716b852f371e1e87f6e14fd5672b1ab6005");
  EXPECT_TRUE(shared.model_list);
  EXPECT_EQ(shared.path, "/v1/models");
  EXPECT_EQ(shared.request["model"], "");
  EXPECT_EQ(shared.request["method"], "POST");
  request.target = "/v1/models";
  EXPECT_EQ(key(request, "t").hash,
            "9e10546eec0022c1d33ffcd071af783e2cd6d951ccf2493346c7967448c06815");
}

TEST(OpenAiKey, BedrockIgnoresStreamOptions) {
  const Request request{.origin = "https://bedrock-runtime.us-west-2.amazonaws.com",
                        .target = "/openai/v1/chat/completions",
                        .body = R"({"model":"m","stream_options":{"include_usage":true}})"};
  const RequestKey out = key(request);
  EXPECT_EQ(out.hash, "78f2617c6e5a14065f159ae0f627c3558da5a9bcfbe154e26139240a1f56d1c2");
  EXPECT_TRUE(out.request["body"].contains("stream_options"));
}

TEST(OpenAiKey, QueryBecomesExtraQuery) {
  const RequestKey out = key(
      {.method = "GET", .target = "/ml/v1/models?project_id=p&api-version=2&key=s", .type = ""});
  EXPECT_EQ(out.hash, "83953d70762b611d7b1e6ff232b53374ee7c35538fb0392cf9d92f27815c4fc6");
  EXPECT_EQ(text(out.request["body"]), R"({"extra_query":{"project_id":"p"}})");
  EXPECT_EQ(out.request["url"], "https://h.example/ml/v1/v1/models");
  EXPECT_NE(key({.method = "GET", .target = "/v1/models?limit=1", .type = ""}).hash,
            key({.method = "GET", .target = "/v1/models?limit=2", .type = ""}).hash);
}

TEST(OpenAiKey, AzureDeploymentOfTheBodysModelGoes) {
  const auto url = [](const char* target) {
    return key({.target = target, .body = R"({"model":"gpt-4o"})"}).request["url"];
  };
  EXPECT_EQ(url("/openai/deployments/gpt-4o/chat/completions?api-version=2024-06-01"),
            "https://h.example/openai/v1/chat/completions");
  EXPECT_EQ(url("/openai/deployments/mine/chat/completions?api-version=2024-06-01"),
            "https://h.example/openai/deployments/mine/v1/chat/completions");
}

TEST(OpenAiKey, DatabricksHostsAreHidden) {
  const RequestKey out = key({.origin = "https://adb-1.7.cloud.databricks.com",
                              .target = "/serving-endpoints/chat/completions",
                              .body = R"({"model":"m"})"});
  EXPECT_EQ(out.hash, "2b2a848908a3681326fd43a6fd35fdf2dded5da632d5e3189c7214e2943e67a5");
  EXPECT_EQ(out.request["url"], "__databricks__/serving-endpoints/v1/chat/completions");
}

TEST(OpenAiKey, BodyThatIsNoJsonIsKeyedByItsDigest) {
  const RequestKey out = key({.target = "/v1/chat/completions", .body = "{oops"});
  EXPECT_EQ(text(out.request["body"]), R"({"sha256":")" + sha256_hex("{oops") + "\"}");
  EXPECT_EQ(out.request["model"], "");
}

TEST(OpenAiKey, BodyUnseenIsAsWithoutABody) {
  const Request request{.target = "/v1/chat/completions", .body = R"({"model":"m"})"};
  const Request bare{.target = "/v1/chat/completions"};
  EXPECT_EQ(compute_key(exchange(request), std::nullopt, kNone, true)->hash, key(bare).hash);
}

TEST(OllamaKey, IsTheRecorders) {
  const RequestKey out = key({.origin = "http://localhost:11434",
                              .target = "/api/embed",
                              .type = "application/x-www-form-urlencoded",
                              .body = R"({"model":"m","input":["x"]})"});
  EXPECT_EQ(out.hash, "b5d9fc9756fd75bbfc46e2cd10584a395b67b3889ce4932dfbf838d312ebcef2");
  EXPECT_EQ(out.request["url"], "http://localhost:11434/api/embeddings");
  EXPECT_EQ(out.request["endpoint"], "/api/embeddings");
  const RequestKey tags = key({.method = "GET", .target = "/api/tags", .type = ""}, "t");
  EXPECT_EQ(tags.hash, "4a3a4447b16b849579bf601e1a005699745ff17959a85c1761bb8d5d45509e72");
  EXPECT_TRUE(tags.model_list);
}

// What the clients send by themselves is not what they were called with.
TEST(Keys, AreOfTheClientsArguments) {
  const auto asked = [](const char* target, const char* body) {
    return text(key({.target = target, .body = body}).request["body"]);
  };
  EXPECT_EQ(asked("/api/chat", R"({"model":"m","tools":[],"stream":false})"), R"({"model":"m"})");
  EXPECT_EQ(asked("/api/chat", R"({"model":"m","tools":[1],"stream":true})"),
            R"({"model":"m","tools":[1],"stream":true})");
  EXPECT_EQ(asked("/api/generate", R"({"model":"m"})"), R"({"model":"m","stream":true})");
  EXPECT_EQ(asked("/api/pull", R"({"model":"m","stream":false,"insecure":false})"),
            R"({"model":"m"})");
  EXPECT_EQ(asked("/api/embed", R"({"model":"m","input":"x"})"), R"({"model":"m","input":"x"})");
  EXPECT_EQ(asked("/v1/embeddings", R"({"input":"x","encoding_format":"base64"})"),
            R"({"input":"x"})");
  EXPECT_EQ(asked("/v1/embeddings", R"({"input":"x"})"),
            R"({"input":"x","encoding_format":"float"})");
  EXPECT_EQ(asked("/v1/chat/completions", R"({"stream":false})"), R"({"stream":false})");
}

TEST(ContentHash, JoinsWireAndSdkSpellings) {
  const auto recorded = [](const char* request) { return parse_json(request).value(); };
  // Arguments that the OpenAI SDK merges into the body, or sends unasked.
  const RequestKey chat = key({.target = "/v1/chat/completions",
                               .body = R"({"model":"m","guided_choice":["a"],"project_id":"1"})"});
  const Json chat_file = recorded(
      R"({"method":"POST","url":"https://other/v1/v1/chat/completions","headers":{},"body":)"
      R"({"model":"m","stream":false,"timeout":5,"extra_body":{"guided_choice":["a"],)"
      R"("project_id":"2"}}})");
  EXPECT_EQ(content_hash(chat_file, std::nullopt, kNone),
            content_hash(chat.request, std::nullopt, kNone));
  EXPECT_NE(hash_of_recorded(chat_file, std::nullopt, kNone), chat.hash);

  // The Ollama client spells defaults out; on the wire no "stream" means true.
  const Json ollama_file = recorded(
      R"({"method":"POST","url":"http://h/api/chat","body":{"model":"m","messages":[1]}})");
  const auto wire = [](const char* body) {
    return content_hash(key({.target = "/api/chat", .body = body}).request, std::nullopt, kNone);
  };
  EXPECT_EQ(content_hash(ollama_file, std::nullopt, kNone),
            wire(R"({"model":"m","messages":[1],"tools":[],"stream":false,"format":""})"));
  EXPECT_NE(wire(R"({"model":"m","messages":[1]})"),
            wire(R"({"model":"m","messages":[1],"stream":false})"));
  EXPECT_EQ(wire(R"({"model":"m","messages":[1]})"),
            wire(R"({"model":"m","messages":[1],"stream":true})"));
}

TEST(ContentHash, IsNulloptForWhatIsNoHttp) {
  for (const char* request :
       {R"({"provider":"tavily","tool_name":"x","kwargs":{}})", "[]", "3",
        R"({"method":"POST","url":3,"body":{}})", R"({"method":"POST","url":"u"})"}) {
    const Json json = parse_json(request).value();
    EXPECT_EQ(content_hash(json, std::nullopt, kNone), std::nullopt);
    EXPECT_EQ(hash_of_recorded(json, std::nullopt, kNone), std::nullopt);
  }
}

TEST(GenericKey, IsTheRecordersWithSecretsReplaced) {
  const RequestKey out = key({.origin = "https://h.example:8443",
                              .target = "/v1/messages?key=secret&a=1",
                              .body = R"({"x":1.5})"},
                             "t");
  EXPECT_EQ(out.hash, "60808487654873230ed18fc1185b82a2bdc7b0987cf6f36f4aba192447a82a89");
  EXPECT_EQ(text(out.request),
            R"({"test_id":"t","url":"https://h.example:8443/v1/messages?key=REDACTED&a=1",)"
            R"("method":"POST","payload":{"x":1.5}})");
  EXPECT_EQ(out.path, "/v1/messages");
  EXPECT_EQ(hash_of_recorded(out.request, "t", kNone), out.hash);
  const RequestKey get = key({.origin = "http://h.example",
                              .method = "get",
                              .target = "http://h.example:80/x",
                              .type = ""});
  EXPECT_EQ(get.hash, "70c0abc699b6d7ed308f30304fb6cf135d0f4d4adc01852981cdab368a037571");
}

TEST(GenericKey, FormsAreSortedPairsWithoutSecrets) {
  const Request request{.origin = "http://h.example",
                        .target = "/token",
                        .type = "application/x-www-form-urlencoded; charset=utf-8",
                        .body = "client_secret=1&b=%C3%A9&a=1+2"};
  EXPECT_EQ(key(request).hash, "7e68a1f940cac7b70fb7f60358614dd05a77ae12fad5fe0e29165ed6a1430a15");
  Request other = request;
  other.body = "a=1%202&client_secret=another&b=\xC3\xA9";
  EXPECT_EQ(key(other).hash, key(request).hash);
}

TEST(GenericKey, OtherBodiesAreDigests) {
  const Request request{.origin = "http://h.example", .target = "/x", .body = "not json"};
  EXPECT_EQ(key(request).hash, "75481d016c1d51f901835f7446a3c15dea2243926ebd249317768299d372e198");
  for (const char* type : {"application/octet-stream", "text/plain", "", "multipart/form-data",
                           "multipart/form-data; boundary=b", "image/png"}) {
    Request other = request;
    other.type = type;
    EXPECT_EQ(key(other).hash, key(request).hash) << type;
  }
  MatchOptions small;
  small.json_payload_limit_bytes = 4;
  const RequestKey big = key({.target = "/x", .body = R"({"a":1})"}, std::nullopt, small);
  EXPECT_EQ(text(big.request["payload"]), R"({"sha256":")" + sha256_hex(R"({"a":1})") + "\"}");
}

TEST(GenericKey, JsonIsFoundWithoutItsType) {
  const Request said{.target = "/x", .body = R"({"a": 1})"};
  for (const char* type : {"application/vnd.api+json", "application/x-www-form-urlencoded",
                           "text/plain;charset=UTF-8", ""}) {
    Request other = said;
    other.type = type;
    EXPECT_EQ(key(other).hash, key(said).hash) << type;
  }
}

TEST(GenericKey, MultipartIsTheSameUnderAnyBoundary) {
  const auto body = [](const std::string& b) {
    return "--" + b + "\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n" +
           "Content-Type: text/plain\r\n\r\nhello\r\n--" + b + "--\r\n";
  };
  const RequestKey first =
      key({.target = "/up", .type = "multipart/form-data; boundary=aaa", .body = body("aaa")});
  const RequestKey second =
      key({.target = "/up", .type = "multipart/form-data; boundary=\"b-2\"", .body = body("b-2")});
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_EQ(text(first.request["payload"]),
            R"([{"name":"f","filename":"x.txt","type":"text/plain","sha256":")" +
                sha256_hex("hello") + "\"}]");
}

TEST(GenericKey, IgnoredPartsStayInTheFile) {
  MatchOptions options;
  options.ignore_query = {"ts"};
  options.ignore_body = {"/nonce"};
  const RequestKey out =
      key({.target = "/x?ts=1&a=2", .body = R"({"nonce":1,"b":2})"}, std::nullopt, options);
  EXPECT_EQ(out.hash, key({.target = "/x?a=2", .body = R"({"b":2})"}).hash);
  EXPECT_EQ(out.request["url"], "https://h.example/x?ts=1&a=2");
  EXPECT_EQ(text(out.request["payload"]), R"({"nonce":1,"b":2})");
  EXPECT_EQ(key({.target = "/x?ts=1", .type = ""}, std::nullopt, options).hash,
            key({.target = "/x", .type = ""}).hash);
}

TEST(AnyKey, OtherSecretsGiveTheSameKey) {
  MatchOptions one;
  one.redact_values = {"secret-one"};
  MatchOptions two;
  two.redact_values = {"secret-two"};
  const auto with = [](const std::string& secret, const MatchOptions& options) {
    return key({.target = "/p/" + secret + "?q=" + secret, .body = "{\"a\":\"" + secret + "\"}"},
               std::nullopt, options);
  };
  EXPECT_EQ(with("secret-one", one).hash, with("secret-two", two).hash);
  EXPECT_EQ(with("secret-one", one).canonical.find("secret-one"), std::string::npos);
  EXPECT_EQ(text(with("secret-one", one).request).find("secret-one"), std::string::npos);
}

TEST(AnyKey, SurvivesHostileRequests) {
  for (const char* target : {"", "*", "?", "//", "/%", "/%zz?%=%", "/\xFF\xFE?\xFF=\x01", "http://",
                             "http:///v1/models", "/a?b#c", ":", "://x", "/v1/models?=&&=="}) {
    const RequestKey out = key({.method = "\xFF", .target = target, .type = "multipart/"}, "\xFF");
    EXPECT_EQ(out.hash.size(), 64U);
    EXPECT_TRUE(parse_json(dump(out.request, compact_style())).ok()) << target;
  }
}

TEST(AnyKey, SpilledBodiesAreReadBack) {
  Body body;
  body.set_spill(&posix_env(), testing::TempDir());
  const std::string filler(1 << 20, 'x');
  ASSERT_TRUE(body.append("{\"a\":\"").ok());
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(body.append(filler).ok());
  ASSERT_TRUE(body.append("\"}").ok());
  ASSERT_FALSE(body.in_memory());
  http::Exchange spilled = exchange({.target = "/x"});
  spilled.request_body = std::move(body);
  std::string whole = "{\"a\":\"";
  for (int i = 0; i < 9; ++i) whole += filler;
  const Result<RequestKey> out = compute_key(spilled, std::nullopt, kNone);
  ASSERT_TRUE(out.ok());
  EXPECT_EQ(out->hash, key({.target = "/x", .body = whole + "\"}"}).hash);
}

TEST(GenericKey, HeadersThatSelectBelongToIt) {
  const Request bare{.method = "GET", .target = "/file", .type = ""};
  const std::string without = key(bare).hash;
  const auto with = [&](const std::string& name, const std::string& value) {
    Request request = bare;
    request.headers = {{"Accept", "*/*"}, {name, value}};
    return key(request);
  };
  EXPECT_EQ(with("User-Agent", "curl").hash, without);
  for (const char* name :
       {"Range", "If-Range", "If-None-Match", "If-Modified-Since", "X-Amz-Target", "SOAPAction",
        "X-HTTP-Method-Override", "Depth", "Destination"}) {
    EXPECT_NE(with(name, "1").hash, without) << name;
    EXPECT_NE(with(name, "1").hash, with(name, "2").hash) << name;
    EXPECT_EQ(with(name, "1").hash, with(http::to_lower(name), "1").hash) << name;
  }
  const RequestKey range = with("Range", "bytes=0-7");
  EXPECT_EQ(range.canonical,
            R"({"headers": {"range": "bytes=0-7"}, "method": "GET", "payload": {}, )"
            R"("test_id": null, "url": "https://h.example/file"})");
  EXPECT_EQ(text(range.request["headers"]), R"({"range":"bytes=0-7"})");
  EXPECT_EQ(hash_of_recorded(range.request, std::nullopt, kNone), range.hash);
  EXPECT_EQ(content_hash(range.request, std::nullopt, kNone), range.hash);
  // Never in a dialect's key.
  Request chat{.target = "/v1/chat/completions", .body = R"({"model":"m"})"};
  const std::string plain = key(chat).hash;
  chat.headers = {{"If-None-Match", "x"}};
  EXPECT_EQ(key(chat).hash, plain);
}

}  // namespace
}  // namespace recshim::match
