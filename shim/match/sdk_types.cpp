// See sdk_types.h.
#include "shim/match/sdk_types.h"

#include <algorithm>
#include <array>

namespace recshim::match {
namespace {

// The stream events of the Responses API that the openai package has a class for, sorted.
constexpr std::array<std::string_view, 59> kResponseEvents = {
    "error",
    "response.audio.delta",
    "response.audio.done",
    "response.audio.transcript.delta",
    "response.audio.transcript.done",
    "response.code_interpreter_call.completed",
    "response.code_interpreter_call.in_progress",
    "response.code_interpreter_call.interpreting",
    "response.code_interpreter_call_code.delta",
    "response.code_interpreter_call_code.done",
    "response.compaction.compacting",
    "response.completed",
    "response.content_part.added",
    "response.content_part.done",
    "response.created",
    "response.custom_tool_call_input.delta",
    "response.custom_tool_call_input.done",
    "response.failed",
    "response.file_search_call.completed",
    "response.file_search_call.in_progress",
    "response.file_search_call.searching",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.image_generation_call.completed",
    "response.image_generation_call.generating",
    "response.image_generation_call.in_progress",
    "response.image_generation_call.partial_image",
    "response.in_progress",
    "response.incomplete",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "response.mcp_call.in_progress",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_list_tools.completed",
    "response.mcp_list_tools.failed",
    "response.mcp_list_tools.in_progress",
    "response.output_item.added",
    "response.output_item.done",
    "response.output_text.annotation.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.queued",
    "response.reasoning_summary_part.added",
    "response.reasoning_summary_part.done",
    "response.reasoning_summary_text.delta",
    "response.reasoning_summary_text.done",
    "response.reasoning_text.delta",
    "response.reasoning_text.done",
    "response.refusal.delta",
    "response.refusal.done",
    "response.shell_call_command.added",
    "response.shell_call_command.delta",
    "response.shell_call_command.done",
    "response.shell_call_output_content.delta",
    "response.shell_call_output_content.done",
    "response.web_search_call.completed",
    "response.web_search_call.in_progress",
    "response.web_search_call.searching",
};

// Modules whose name does not follow from the event's.
struct Renamed {
  std::string_view event_part;
  std::string_view module_part;
};
constexpr Renamed kRenamed[] = {
    {"output_text_delta", "text_delta"},
    {"output_text_done", "text_done"},
    {"image_generation_call", "image_gen_call"},
};

// "response_text_delta_event" → "ResponseTextDeltaEvent"
std::string class_of_module(std::string_view module_name) {
  std::string out;
  bool upper = true;
  for (const char c : module_name) {
    if (c == '_') {
      upper = true;
    } else {
      out.push_back(upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      upper = false;
    }
  }
  return out;
}

std::string response_event_type(const Json& event) {
  if (!event.is_object()) return {};
  const auto type = event.find("type");
  if (type == event.end() || !type->is_string()) return {};
  std::string name = type->get<std::string>();
  if (!std::binary_search(kResponseEvents.begin(), kResponseEvents.end(), name)) return {};
  constexpr std::string_view kPrefix = "response.";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  std::replace(name.begin(), name.end(), '.', '_');
  for (const Renamed& renamed : kRenamed) {
    if (name.starts_with(renamed.event_part)) {
      const bool whole = name.size() == renamed.event_part.size();
      if (whole || renamed.event_part.ends_with("_call")) {
        name.replace(0, renamed.event_part.size(), renamed.module_part);
      }
    }
  }
  const std::string module_name = "response_" + name + "_event";
  return "openai.types.responses." + module_name + "." + class_of_module(module_name);
}

std::string openai_type(std::string_view endpoint, bool streaming, const Json& object) {
  if (endpoint.ends_with("/chat/completions")) {
    return streaming ? "openai.types.chat.chat_completion_chunk.ChatCompletionChunk"
                     : "openai.types.chat.chat_completion.ChatCompletion";
  }
  if (endpoint.ends_with("/completions")) return "openai.types.completion.Completion";
  if (endpoint.ends_with("/embeddings")) {
    return "openai.types.create_embedding_response.CreateEmbeddingResponse";
  }
  if (endpoint.ends_with("/models")) return "openai.types.model.Model";
  if (endpoint.ends_with("/responses")) {
    return streaming ? response_event_type(object) : "openai.types.responses.response.Response";
  }
  return {};
}

std::string ollama_type(std::string_view endpoint, const Json& object) {
  if (endpoint == "/api/generate") return "ollama._types.GenerateResponse";
  if (endpoint == "/api/chat") return "ollama._types.ChatResponse";
  if (endpoint == "/api/ps") return "ollama._types.ProcessResponse";
  if (endpoint == "/api/pull") return "ollama._types.ProgressResponse";
  if (endpoint == "/api/tags") return "ollama._types.ListResponse";
  if (endpoint == "/api/embeddings") {
    // /api/embed, filed here, answers "embeddings"; the older call answers "embedding".
    const bool older = object.is_object() && object.contains("embedding");
    return older ? "ollama._types.EmbeddingsResponse" : "ollama._types.EmbedResponse";
  }
  return {};
}

}  // namespace

std::string sdk_type(Dialect dialect, std::string_view endpoint, bool streaming,
                     const Json& object) {
  switch (dialect) {
    case Dialect::kOpenAi:
      return openai_type(endpoint, streaming, object);
    case Dialect::kOllama:
      return ollama_type(endpoint, object);
    case Dialect::kGeneric:
      break;
  }
  return {};
}

}  // namespace recshim::match
