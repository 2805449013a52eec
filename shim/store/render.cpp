// HTTP responses for llama-stack's recordings. See render.h.
#include "shim/store/render.h"

#include <map>

#include "shim/http/codec.h"
#include "shim/match/python_json.h"
#include "shim/store/framing.h"

namespace recshim::store {
namespace {

const Json* member(const Json& json, const char* key) {
  if (!json.is_object()) return nullptr;
  const auto it = json.find(key);
  return it == json.end() ? nullptr : &*it;
}

std::string text_of(const Json& json, const char* key) {
  const Json* value = member(json, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

const Json& unwrap(const Json& entry) {
  const Json* data = member(entry, "__data__");
  return data != nullptr && member(entry, "__type__") != nullptr ? *data : entry;
}

std::string compact(const Json& value) {
  return match::dump(value, match::compact_style());
}

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

void set_whole(http::Exchange& out, const std::string& type, std::string body) {
  out.framing = http::Framing::kLength;
  out.response.headers.push_back({"Content-Type", type});
  out.response.headers.push_back({"Content-Length", std::to_string(body.size())});
  out.response_body = Body(std::move(body));
}

// One boundary an event, as a server flushes them.
void set_stream(http::Exchange& out, const std::string& type,
                const std::vector<std::string>& events) {
  out.framing = http::Framing::kChunked;
  if (!http::find_header(out.response.headers, "content-type")) {
    out.response.headers.push_back({"Content-Type", type});
  }
  out.response.headers.push_back({"Transfer-Encoding", "chunked"});
  std::string body;
  for (const auto& event : events) {
    out.boundaries.push_back({event.size(), 0, {}});
    body += event;
  }
  out.response_body = Body(std::move(body));
}

void set_status(http::Exchange& out, int status) {
  out.response.status = status;
  out.response.reason = reason_of(status);
}

// --- google-genai -----------------------------------------------------------------------

// The SDK's field names as the API's. Maps whose keys belong to the user stay.
Json camel_case(const Json& value) {
  if (value.is_array()) {
    Json out = Json::array();
    for (const auto& item : value) out.push_back(camel_case(item));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (auto it = value.begin(); it != value.end(); ++it) {
    const std::string& key = it.key();
    std::string name;
    for (size_t i = 0; i < key.size(); ++i) {
      const bool joint = key[i] == '_' && i > 0 && i + 1 < key.size();
      if (joint && key[i + 1] >= 'a' && key[i + 1] <= 'z') {
        name += static_cast<char>(key[++i] - 'a' + 'A');
      } else if (!joint) {
        name += key[i];
      }
    }
    const bool free_form = key == "args" || key == "response";
    out[name] = free_form ? *it : camel_case(*it);
  }
  return out;
}

// Takes what the SDK adds from the HTTP response out of a chunk and puts it back there, all
// but what says how the body was framed, which is for the caller.
Json genai_chunk(const Json& chunk, http::Headers* headers) {
  Json data = chunk;
  const Json* http_part = member(data, "sdk_http_response");
  const Json* list = http_part == nullptr ? nullptr : member(*http_part, "headers");
  if (headers != nullptr && headers->empty() && list != nullptr && list->is_object()) {
    for (auto it = list->begin(); it != list->end(); ++it) {
      const std::string name = http::to_lower(it.key());
      if (!it->is_string() || name == "content-length" || name == "transfer-encoding" ||
          name == "connection") {
        continue;
      }
      headers->push_back({it.key(), it->get<std::string>()});
    }
  }
  if (data.is_object()) data.erase("sdk_http_response");
  return camel_case(data);
}

void drop_header(http::Headers& headers, std::string_view name) {
  std::erase_if(headers, [&](const http::Header& header) {
    return http::equals_ignoring_case(header.name, name);
  });
}

bool asks_for_array(const http::Exchange* asked) {
  return asked != nullptr && asked->request.target.find("alt=sse") == std::string::npos &&
         asked->request.target.find(":streamGenerateContent") != std::string::npos;
}

// Embeddings as Vertex AI's :predict gives them; the Gemini API's are as the SDK has them.
Json as_predictions(const Json& body, Json data) {
  const Json* embeddings = member(body, "embeddings");
  if (embeddings == nullptr || !embeddings->is_array()) return data;
  data.erase("embeddings");
  data["predictions"] = Json::array();
  for (const auto& embedding : *embeddings) {
    Json prediction = Json::object();
    prediction["embeddings"] = embedding;  // its statistics keep their names
    data["predictions"].push_back(std::move(prediction));
  }
  return data;
}

void render_genai(const Json& body, const http::Exchange* asked, http::Exchange& out) {
  if (!body.is_array()) {
    http::Headers headers;
    Json data = genai_chunk(body, &headers);
    if (asked != nullptr && asked->request.target.find(":predict") != std::string::npos) {
      data = as_predictions(body, std::move(data));
    }
    std::string text = compact(data);
    const auto coding = http::find_header(headers, "content-encoding");
    if (coding && *coding == "gzip") {
      text = http::gzip_content(text);
    } else {
      drop_header(headers, "content-encoding");
    }
    out.response.headers = std::move(headers);
    set_stream(out, "application/json; charset=UTF-8", {text});
    return;
  }
  const bool array = asks_for_array(asked);
  const Template shape{StreamKind::kSse, "\r\n", true, false};
  std::vector<std::string> events;
  http::Headers headers;
  for (size_t i = 0; i < body.size(); ++i) {
    const Json data = genai_chunk(body[i], &headers);
    if (array) {
      events.push_back((i == 0 ? "[" : ",\r\n") + compact(data) +
                       (i + 1 == body.size() ? "]" : ""));
    } else {
      events.push_back(render(shape, data, compact(data)));
    }
  }
  if (array && body.empty()) events.emplace_back("[]");
  if (array) drop_header(headers, "content-type");
  drop_header(headers, "content-encoding");
  out.response.headers = std::move(headers);
  set_stream(out, array ? "application/json; charset=UTF-8" : "text/event-stream", events);
}

// --- Everything else --------------------------------------------------------------------

std::vector<std::string> sse_events(const Json& body, bool event_lines) {
  const Template shape{StreamKind::kSse, "\n", true, event_lines};
  std::vector<std::string> events;
  for (const auto& entry : body) {
    const Json& data = unwrap(entry);
    events.push_back(render(shape, data, compact(data)));
  }
  return events;
}

void render_chunks(const Json& body, const std::string& endpoint, http::Exchange& out) {
  if (endpoint.starts_with("/api/")) {
    std::vector<std::string> lines;
    for (const auto& entry : body) lines.push_back(compact(unwrap(entry)) + "\n");
    set_stream(out, "application/x-ndjson", lines);
    return;
  }
  const bool responses = endpoint.ends_with("/responses");
  auto events = sse_events(body, responses);
  if (!responses && !endpoint.empty()) events.emplace_back("data: [DONE]\n\n");
  set_stream(out, "text/event-stream; charset=utf-8", events);
}

void render_lines(const Json& body, http::Exchange& out) {
  std::vector<std::string> events;
  std::string event;
  for (size_t i = 0; i < body.size(); ++i) {
    if (!body[i].is_string()) {
      throw ShapeError{"/response/body/" + std::to_string(i), "must be a string like the others"};
    }
    const auto& line = body[i].get_ref<const std::string&>();
    event += line + "\n";
    if (line.empty()) {
      events.push_back(std::move(event));
      event.clear();
    }
  }
  // A recorder that dropped the last blank line would lose the last event at the client.
  if (!event.empty()) events.push_back(event + "\n");
  set_stream(out, "text/event-stream; charset=utf-8", events);
}

Json error_document(const Json& response, const std::string& endpoint) {
  const Json* data = member(response, "exception_data");
  const Json* body = data == nullptr ? nullptr : member(*data, "body");
  std::string message = data == nullptr ? std::string() : text_of(*data, "message");
  if (message.empty()) message = text_of(response, "exception_message");
  if (endpoint.starts_with("/api/")) {
    Json out = Json::object();
    out["error"] = message;
    return out;
  }
  if (body != nullptr && body->is_object() && body->contains("error")) return *body;
  // The OpenAI SDK shows the inner error as `body`, so it goes back inside.
  Json out = Json::object();
  if (body != nullptr && !body->is_null()) {
    out["error"] = *body;
  } else {
    out["error"] = Json::object();
    out["error"]["message"] = message;
    out["error"]["type"] = data == nullptr ? "error" : text_of(*data, "type");
    out["error"]["param"] = nullptr;
    out["error"]["code"] = nullptr;
  }
  return out;
}

void render_exception(const Json& response, const Json& body, const std::string& endpoint,
                      http::Exchange& out) {
  const Json document = error_document(response, endpoint);
  if (body.is_array() && !body.empty()) {  // it came in the middle of a stream
    auto events = sse_events(body, endpoint.ends_with("/responses"));
    events.push_back("data: " + compact(document) + "\n\n");
    set_stream(out, "text/event-stream; charset=utf-8", events);
    return;
  }
  const Json* data = member(response, "exception_data");
  const Json* status = data == nullptr ? nullptr : member(*data, "status_code");
  int code = 500;
  if (status != nullptr && status->is_number_integer() && *status >= 100 && *status <= 999) {
    code = status->get<int>();
  }
  set_status(out, code);
  set_whole(out, "application/json", compact(document));
}

bool is_model_list(const Json& body, const std::string& endpoint) {
  if (endpoint.ends_with("/models")) return true;
  return !body.empty() && text_of(body[0], "__type__").ends_with(".Model");
}

// What the recorder replaced while it recorded (llama-stack's id_normalization_mapping maps
// the stable value to the one that stands in the file).
Json with_mapping(const Json& file, const Json& body) {
  const Json* mapping = member(file, "id_normalization_mapping");
  if (mapping == nullptr || !mapping->is_object() || mapping->empty()) return body;
  std::string text = compact(body);
  for (auto it = mapping->begin(); it != mapping->end(); ++it) {
    if (!it->is_string() || it->get_ref<const std::string&>().empty()) continue;
    const auto& old = it->get_ref<const std::string&>();
    for (size_t at = text.find(old); at != std::string::npos;
         at = text.find(old, at + it.key().size())) {
      text.replace(at, old.size(), it.key());
    }
  }
  auto replaced = parse_json(text);
  if (!replaced) throw ShapeError{"/id_normalization_mapping", "breaks the body's JSON"};
  return std::move(*replaced);
}

}  // namespace

http::Exchange render_llama_stack(const Recording& recording, const http::Exchange* asked) {
  const Json& file = recording.json;
  const Json& request = file["request"];
  const Json& response = file["response"];
  http::Exchange out;
  out.test_id = recording.test_id();
  out.origin.host = recording.host();
  const std::string url = text_of(request, "url");
  out.origin.scheme = url.starts_with("http://") ? "http" : "https";
  out.request.method = text_of(request, "method");
  out.request.target = url;
  const std::string endpoint = text_of(request, "endpoint");

  const Json* status = member(response, "status");
  set_status(out,
             status != nullptr && status->is_number_integer() && *status >= 100 && *status <= 999
                 ? status->get<int>()
                 : 200);
  const Json* streaming = member(response, "is_streaming");
  const bool is_streaming =
      streaming != nullptr && streaming->is_boolean() && streaming->get<bool>();
  const Json* body_at = member(response, "body");
  const Json body = body_at == nullptr ? Json(nullptr) : with_mapping(file, *body_at);

  const Json* exception = member(response, "is_exception");
  if (exception != nullptr && exception->is_boolean() && exception->get<bool>()) {
    render_exception(response, body, endpoint, out);
  } else if (url.starts_with("vertexai:") || endpoint.starts_with("/generate_content")) {
    render_genai(body, asked, out);
  } else if (body.is_array() && is_streaming && !body.empty() && body[0].is_string()) {
    render_lines(body, out);
  } else if (body.is_array() && is_streaming) {
    render_chunks(body, endpoint, out);
  } else if (body.is_array() && is_model_list(body, endpoint)) {
    Json document = Json::object();
    document["object"] = "list";
    document["data"] = Json::array();
    for (const auto& entry : body) document["data"].push_back(unwrap(entry));
    set_whole(out, "application/json", compact(document));
  } else if (body.is_array()) {
    Json document = Json::array();
    for (const auto& entry : body) document.push_back(unwrap(entry));
    set_whole(out, "application/json", compact(document));
  } else if (body.is_string()) {
    set_whole(out, "text/plain; charset=utf-8", body.get<std::string>());
  } else if (body.is_null()) {
    out.framing = http::Framing::kLength;
    out.response.headers.push_back({"Content-Length", "0"});
  } else {
    set_whole(out, "application/json", compact(unwrap(body)));
  }
  return out;
}

Recording merge_model_lists(const std::vector<Recording>& parts) {
  Recording out = parts.front();
  std::map<std::string, Json> by_id;
  for (const auto& part : parts) {
    const Json* body = member(part.json["response"], "body");
    if (body == nullptr || !body->is_array()) continue;
    for (const auto& entry : *body) by_id[text_of(unwrap(entry), "id")] = entry;
  }
  Json merged = Json::array();
  for (auto& [id, entry] : by_id) merged.push_back(std::move(entry));
  if (parts.size() > 1) out.json["response"]["body"] = std::move(merged);
  return out;
}

}  // namespace recshim::store
