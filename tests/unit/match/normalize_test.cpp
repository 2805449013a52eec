// Response normalisation and its inverse, model digests, and the SDK's class names.
#include "shim/match/normalize.h"

#include <gtest/gtest.h>

#include "shim/match/sdk_types.h"

namespace recshim::match {
namespace {

constexpr std::string_view kHash = "0123456789abcdef0123456789abcdef";

Json json(const char* text) {
  return parse_json(text).value();
}
std::string text(const Json& value) {
  return dump(value, compact_style());
}

TEST(Normalize, ReplacesTheRecordersFieldsAndGivesThemBack) {
  const char* const kChunk =
      R"({"id":"chatcmpl-1","object":"chat.completion.chunk","created":1700000000,)"
      R"("choices":[{"id":"inner","created":5}],"system_fingerprint":"fp"})";
  Normalized out = normalize_response(json(kChunk), Dialect::kOpenAi, kHash);
  EXPECT_EQ(text(out.json),
            R"({"id":"rec-0123456789ab","object":"chat.completion.chunk","created":0,)"
            R"("choices":[{"id":"inner","created":5}],"system_fingerprint":"fp"})");
  EXPECT_EQ(text(out.originals), R"({"/id":"chatcmpl-1","/created":1700000000})");
  restore_originals(out.json, out.originals);
  EXPECT_EQ(text(out.json), kChunk);
}

TEST(Normalize, OllamaTimesButNotNullDurations) {
  const char* const kBody =
      R"({"model":"m","created_at":"2025-01-01T00:00:00Z","total_duration":5,)"
      R"("load_duration":null,"prompt_eval_duration":0,"eval_duration":0.0,"eval_count":9})";
  Normalized out = normalize_response(json(kBody), Dialect::kOllama, kHash);
  EXPECT_EQ(text(out.json),
            R"({"model":"m","created_at":"1970-01-01T00:00:00.000000Z","total_duration":0,)"
            R"("load_duration":null,"prompt_eval_duration":0,"eval_duration":0,"eval_count":9})");
  EXPECT_EQ(text(out.originals),
            R"({"/created_at":"2025-01-01T00:00:00Z","/total_duration":5,"/eval_duration":0.0})");
  restore_originals(out.json, out.originals);
  EXPECT_EQ(text(out.json), kBody);
}

TEST(Normalize, LeavesModelsListsAndGenericResponsesAlone) {
  for (const char* body :
       {R"({"id":"gpt-4","object":"model","created":17})",
        R"({"object":"list","data":[{"id":"x","created":1}]})", "[1]", "\"id\""}) {
    const Normalized out = normalize_response(json(body), Dialect::kOpenAi, kHash);
    EXPECT_EQ(text(out.json), body);
    EXPECT_EQ(text(out.originals), "{}");
  }
  const Normalized out = normalize_response(json(R"({"id":"1"})"), Dialect::kGeneric, kHash);
  EXPECT_EQ(text(out.json), R"({"id":"1"})");
}

TEST(Normalize, RestoringPassesOverWhatIsNotThere) {
  Json body = json(R"({"a":[1]})");
  restore_originals(body, json(R"({"/b":1,"/a/7":2,"a":3,"/a/x":4,"/a/0":5,"/~2":6})"));
  EXPECT_EQ(text(body), R"({"a":[5]})");
  restore_originals(body, json("[]"));
  EXPECT_EQ(text(body), R"({"a":[5]})");
}

TEST(ModelIds, ReadsEveryShape) {
  const std::vector<std::string> both = {"a", "b"};
  EXPECT_EQ(model_ids(json(R"({"object":"list","data":[{"id":"b"},{"id":"a"},{"id":"b"}]})")),
            both);
  EXPECT_EQ(model_ids(json(R"({"models":[{"model":"b"},{"model":"a"}]})")), both);
  EXPECT_EQ(model_ids(json(R"([{"__type__":"t","__data__":{"id":"b"}},{"id":"a"},3])")), both);
  EXPECT_EQ(
      model_ids(json(R"({"__type__":"t","__data__":{"models":[{"model":"b"},{"name":"a"}]}})")),
      both);
  EXPECT_TRUE(model_ids(json("3")).empty());
  // sha256("a|b")
  EXPECT_EQ(model_digest(both), "0eab8a0a");
}

TEST(SdkType, NamesTheClassOfEachEndpoint) {
  const Json none = Json::object();
  const auto openai = [&](const char* endpoint, bool streaming) {
    return sdk_type(Dialect::kOpenAi, endpoint, streaming, none);
  };
  EXPECT_EQ(openai("/v1/chat/completions", true),
            "openai.types.chat.chat_completion_chunk.ChatCompletionChunk");
  EXPECT_EQ(openai("/v1/chat/completions", false),
            "openai.types.chat.chat_completion.ChatCompletion");
  EXPECT_EQ(openai("/v1/completions", true), "openai.types.completion.Completion");
  EXPECT_EQ(openai("/v1/embeddings", false),
            "openai.types.create_embedding_response.CreateEmbeddingResponse");
  EXPECT_EQ(openai("/v1/models", false), "openai.types.model.Model");
  EXPECT_EQ(openai("/v1/responses", false), "openai.types.responses.response.Response");
  EXPECT_EQ(openai("/v1/moderations", false), "");
  EXPECT_EQ(sdk_type(Dialect::kGeneric, "/v1/models", false, none), "");
  EXPECT_EQ(sdk_type(Dialect::kOllama, "/api/chat", true, none), "ollama._types.ChatResponse");
  EXPECT_EQ(sdk_type(Dialect::kOllama, "/api/ps", false, none), "ollama._types.ProcessResponse");
  EXPECT_EQ(sdk_type(Dialect::kOllama, "/api/embeddings", false, none),
            "ollama._types.EmbedResponse");
  EXPECT_EQ(sdk_type(Dialect::kOllama, "/api/embeddings", false, json(R"({"embedding":[]})")),
            "ollama._types.EmbeddingsResponse");
}

TEST(SdkType, NamesTheClassOfAStreamEventByItsType) {
  const auto event = [](const char* type) {
    Json object = Json::object();
    object["type"] = type;
    return sdk_type(Dialect::kOpenAi, "/v1/responses", true, object);
  };
  const std::string module_of = "openai.types.responses.";
  EXPECT_EQ(event("response.created"), module_of + "response_created_event.ResponseCreatedEvent");
  EXPECT_EQ(event("response.output_text.delta"),
            module_of + "response_text_delta_event.ResponseTextDeltaEvent");
  EXPECT_EQ(
      event("response.output_text.annotation.added"),
      module_of +
          "response_output_text_annotation_added_event.ResponseOutputTextAnnotationAddedEvent");
  EXPECT_EQ(event("response.image_generation_call.partial_image"),
            module_of +
                "response_image_gen_call_partial_image_event."
                "ResponseImageGenCallPartialImageEvent");
  EXPECT_EQ(event("error"), module_of + "response_error_event.ResponseErrorEvent");
  EXPECT_EQ(event("response.not_known"), "");
  EXPECT_EQ(sdk_type(Dialect::kOpenAi, "/v1/responses", true, Json(3)), "");
}

TEST(Normalize, EmbeddingsAreTheNumbersThatTheSdkMakesOfThem) {
  const std::string wire = R"({"object":"list","data":[{"embedding":"AACAPwAAAL8="},)"
                           R"({"embedding":[0.5]},{"embedding":"no base64"}]})";
  Json json = parse_json(wire).value();
  const Normalized out = normalize_response(json, Dialect::kOpenAi, kHash);
  EXPECT_EQ(dump(out.json, compact_style()),
            R"({"object":"list","data":[{"embedding":[1.0,-0.5]},{"embedding":[0.5]},)"
            R"({"embedding":"no base64"}]})");
  Json again = out.json;
  restore_originals(again, out.originals);
  EXPECT_EQ(again, json);
}

}  // namespace
}  // namespace recshim::match
