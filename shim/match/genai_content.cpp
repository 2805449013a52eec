// See genai_content.h.
#include "shim/match/genai_content.h"

#include <string>

#include "shim/match/genai_schema.h"
#include "shim/match/url.h"

namespace recshim::match {
namespace {

// snake_case and camelCase alike. What is meant to be compared is the same on both sides, so
// names that belong to the user may be folded as well.
std::string folded(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

// Without what says nothing: nulls and empty containers.
Json fold(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(fold(item));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (const auto& [name, item] : value.get_ref<const Json::object_t&>()) {
    Json inner = fold(item);
    if (inner.is_null() || (inner.is_structured() && inner.empty())) continue;
    const std::string plain = folded(name);
    out[out.contains(plain) ? name : plain] = std::move(inner);
  }
  return out;
}

// A text stands for the user's turn that consists of it.
Json as_turn(const Json& value) {
  if (!value.is_string()) return value;
  Json part = Json::object();
  part["text"] = value;
  Json turn = Json::object();
  turn["parts"] = Json::array({std::move(part)});
  turn["role"] = "user";
  return turn;
}

Json as_turns(const Json& value) {
  if (value.is_object()) return Json::array({value});
  if (value.is_string()) return Json::array({as_turn(value)});
  return value;
}

std::string last_segment(std::string_view path) {
  return std::string(path.substr(path.rfind('/') + 1));
}

// Arguments that tell the SDK how to go about it and are never sent.
bool is_local(std::string_view name) {
  return name == "http_options" || name == "automatic_function_calling" ||
         name == "should_return_http_response";
}

// The text of a content: itself, or that of its parts.
std::optional<std::string> text_of(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_object()) return std::nullopt;
  const auto own = content.find("text");
  if (own != content.end() && own->is_string()) return own->get<std::string>();
  const auto parts = content.find("parts");
  if (parts == content.end() || !parts->is_array()) return std::nullopt;
  std::string out;
  for (const auto& part : *parts) {
    const auto text = text_of(part);
    if (!text) return std::nullopt;
    out += *text;
  }
  return out;
}

// --- Embeddings: a list of texts, and the same settings for all of them -------------------

std::optional<GenaiRequest> embedding(const std::string& model, const Json& contents, Json config) {
  Json texts = Json::array();
  for (const auto& content : contents) {
    auto text = text_of(content);
    if (!text) return std::nullopt;
    texts.push_back(std::move(*text));
  }
  Json whole = Json::object();
  whole["model"] = model;
  whole["embed"] = std::move(texts);
  whole["config"] = std::move(config);
  GenaiRequest out;
  out.content = fold(whole);
  return out;
}

std::optional<GenaiRequest> embedding_of_file(const Json& arguments) {
  const auto model = arguments.find("model");
  const auto contents = arguments.find("contents");
  if (model == arguments.end() || !model->is_string() || contents == arguments.end()) {
    return std::nullopt;
  }
  Json config = Json::object();
  const auto given = arguments.find("config");
  if (given != arguments.end() && given->is_object()) {
    for (const auto& [name, value] : given->get_ref<const Json::object_t&>()) {
      if (!is_local(name)) config[name] = value;
    }
  }
  const Json list = contents->is_array() ? *contents : Json::array({*contents});
  return embedding(last_segment(model->get_ref<const std::string&>()), list, std::move(config));
}

// items: what each text's settings stand beside; name: where in an item the text is.
std::optional<GenaiRequest> embedding_of_wire(std::string_view model, const Json& payload,
                                              const char* items, const char* name) {
  const auto list = payload.find(items);
  if (list == payload.end() || !list->is_array()) return std::nullopt;
  Json contents = Json::array();
  Json config = Json::object();
  for (const auto& item : *list) {
    if (!item.is_object() || !item.contains(name)) return std::nullopt;
    for (const auto& [key, value] : item.get_ref<const Json::object_t&>()) {
      if (key == name) {
        contents.push_back(value);
      } else if (key != "model") {
        config[key] = value;
      }
    }
  }
  const auto parameters = payload.find("parameters");
  if (parameters != payload.end() && parameters->is_object()) {
    for (const auto& [key, value] : parameters->get_ref<const Json::object_t&>()) {
      config[key] = value;
    }
  }
  return embedding(last_segment(model), contents, std::move(config));
}

// Folded, and its schemas in one form.
Json comparable(const Json& whole) {
  Json out = fold(whole);
  const auto config = out.find("config");
  if (config == out.end() || !config->is_object()) return out;
  if (const auto schema = config->find("responseschema"); schema != config->end()) {
    *schema = plain_schema(*schema);
  }
  return out;
}

}  // namespace

std::optional<GenaiRequest> genai_of_file(std::string_view url, const Json& arguments) {
  if (url == "vertexai:///embed_content" && arguments.is_object()) {
    return embedding_of_file(arguments);
  }
  GenaiRequest out;
  if (url == "vertexai:///generate_content_stream") {
    out.streamed = true;
  } else if (url != "vertexai:///generate_content") {
    return std::nullopt;
  }
  if (!arguments.is_object()) return std::nullopt;
  Json whole = Json::object();
  Json config = Json::object();
  for (const auto& [name, value] : arguments.get_ref<const Json::object_t&>()) {
    if (name == "model" && value.is_string()) {
      whole["model"] = last_segment(value.get_ref<const std::string&>());
    } else if (name == "contents") {
      whole["contents"] = as_turns(value);
    } else if (name == "config" && value.is_object()) {
      for (const auto& [option, setting] : value.get_ref<const Json::object_t&>()) {
        if (option == "system_instruction") {
          config[option] = as_turn(setting);
        } else if (!is_local(option)) {
          config[option] = setting;
        }
      }
    }
  }
  whole["config"] = std::move(config);
  out.content = comparable(whole);
  return out;
}

std::optional<GenaiRequest> genai_of_wire(std::string_view url, const Json& payload) {
  constexpr std::string_view kWhole = ":generateContent";
  constexpr std::string_view kStream = ":streamGenerateContent";
  GenaiRequest out;
  std::string_view path = split_url(url).path;
  const auto model = [&] { return path.substr(0, path.rfind(':')); };
  if (payload.is_object() && path.ends_with(":predict")) {
    return embedding_of_wire(model(), payload, "instances", "content");
  }
  if (payload.is_object() && path.ends_with(":batchEmbedContents")) {
    return embedding_of_wire(model(), payload, "requests", "content");
  }
  if (path.ends_with(kStream)) {
    out.streamed = true;
    path.remove_suffix(kStream.size());
  } else if (path.ends_with(kWhole)) {
    path.remove_suffix(kWhole.size());
  } else {
    return std::nullopt;
  }
  if (!payload.is_object()) return std::nullopt;
  Json whole = Json::object();
  whole["model"] = last_segment(path);
  Json config = Json::object();
  for (const auto& [name, value] : payload.get_ref<const Json::object_t&>()) {
    if (name == "contents") {
      whole["contents"] = value;
    } else if (name == "generationConfig" && value.is_object()) {
      for (const auto& [option, setting] : value.get_ref<const Json::object_t&>()) {
        config[option] = setting;
      }
    } else if (name != "model") {
      config[name] = value;
    }
  }
  whole["config"] = std::move(config);
  out.content = comparable(whole);
  return out;
}

}  // namespace recshim::match
