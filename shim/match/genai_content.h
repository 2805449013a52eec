// google-genai requests in one form, whether they are the SDK's arguments as llama-stack's
// recorder writes them or the API's JSON as it goes over the wire. Pure; internal to
// shim/match.
#pragma once

#include <optional>
#include <string_view>

#include "shim/match/python_json.h"

namespace recshim::match {

struct GenaiRequest {
  bool streamed = false;
  // model (without its path), contents (embed: the texts to make embeddings of), and
  // everything else in config
  Json content;
};

// url, arguments: of a file, "vertexai:///generate_content", "…_stream" or
// "vertexai:///embed_content" and the keyword arguments. Nullopt for anything else.
std::optional<GenaiRequest> genai_of_file(std::string_view url, const Json& arguments);

// url, payload: of a request to …/models/M:generateContent, :streamGenerateContent, :predict
// or :batchEmbedContents, of Vertex AI or the Gemini API. Nullopt for anything else.
std::optional<GenaiRequest> genai_of_wire(std::string_view url, const Json& payload);

}  // namespace recshim::match
