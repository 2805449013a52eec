// exchange → recording file. See recording.h and recordings/README.md.
#include "shim/base/utc.h"
#include "shim/http/codec.h"
#include "shim/match/redact.h"
#include "shim/store/body_view.h"
#include "shim/store/json_bytes.h"
#include "shim/store/recording.h"

namespace recshim::store {
namespace {

// Beyond it a compressed body is kept as it came, without a view.
constexpr size_t kMaxDecodedBytes = size_t{64} << 20;

Json pairs(const http::Headers& headers) {
  Json out = Json::array();
  for (const auto& header : headers) {
    out.push_back(Json::array({bytes_to_json(header.name), bytes_to_json(header.value)}));
  }
  return out;
}

// The head as it was on the wire, its secrets replaced one by one; empty when one can't be
// found in it (a folded line): a secret is worse than a lost detail.
std::string redacted_text(std::string text, const http::Headers& plain,
                          const http::Headers& redacted) {
  for (size_t i = 0; i < plain.size() && i < redacted.size(); ++i) {
    if (plain[i].value == redacted[i].value) continue;
    size_t at = text.find(plain[i].value);
    if (plain[i].value.empty() || at == std::string::npos) return {};
    while (at != std::string::npos) {
      text.replace(at, plain[i].value.size(), redacted[i].value);
      at = text.find(plain[i].value, at + redacted[i].value.size());
    }
  }
  return text;
}

const char* framing_name(http::Framing framing) {
  switch (framing) {
    case http::Framing::kNone:
      return "none";
    case http::Framing::kLength:
      return "length";
    case http::Framing::kChunked:
      return "chunked";
    case http::Framing::kUntilClose:
      return "until_close";
  }
  return "none";
}

const char* truncation_name(http::Truncation truncation) {
  switch (truncation) {
    case http::Truncation::kEof:
      return "eof";
    case http::Truncation::kRagged:
      return "ragged";
    case http::Truncation::kReset:
      return "reset";
    case http::Truncation::kClient:
      return "client";
    case http::Truncation::kNone:
      break;
  }
  return "none";
}

void put_head(const http::ResponseHead& head, const match::MatchOptions& options, Json& out) {
  if (head.version != "1.1") out["http_version"] = head.version;
  out["status"] = head.status;
  out["reason"] = bytes_to_json(head.reason);
  const http::Headers headers = match::redact_headers(head.headers, options);
  out["headers"] = pairs(headers);
  if (!head.exact.empty()) {
    const std::string exact = redacted_text(head.exact, head.headers, headers);
    if (!exact.empty()) out["head_exact"] = bytes_to_json(exact);
  }
}

Json request_part(const http::Exchange& exchange, const match::RequestKey& key,
                  const match::MatchOptions& options) {
  Json out = Json::object();
  if (exchange.request.version != "1.1") out["http_version"] = exchange.request.version;
  // What the dialects' "request" does not say: they always have POST and the SDK's url.
  if (key.dialect != match::Dialect::kGeneric) {
    if (exchange.request.method != key.method) out["method"] = exchange.request.method;
    out["target"] = bytes_to_json(match::redact_url(exchange.request.target, options));
  }
  if (!exchange.request_complete) out["complete"] = false;
  if (exchange.early_after_body_bytes) {
    out["early_after_body_bytes"] = *exchange.early_after_body_bytes;
  }
  out["headers"] = pairs(match::redact_headers(exchange.request.headers, options));
  if (!exchange.request_trailers.empty()) {
    out["trailers"] = pairs(match::redact_headers(exchange.request_trailers, options));
  }
  return out;
}

Json response_part(const http::Exchange& exchange, const match::MatchOptions& options) {
  Json out = Json::object();
  put_head(exchange.response, options, out);
  out["framing"] = framing_name(exchange.framing);
  if (!exchange.informational.empty()) {
    Json list = Json::array();
    for (const auto& head : exchange.informational) {
      Json item = Json::object();
      put_head(head, options, item);
      list.push_back(std::move(item));
    }
    out["informational"] = std::move(list);
  }
  if (!exchange.boundaries.empty()) {
    Json list = Json::array();
    for (const auto& boundary : exchange.boundaries) {
      Json item = Json::array({boundary.size_bytes, boundary.offset_us});
      if (!boundary.exact_line.empty()) item.push_back(boundary.exact_line);
      list.push_back(std::move(item));
    }
    for (auto& item : list) {
      if (item.size() == 3 && !is_utf8(item[2].get_ref<const std::string&>())) {
        item[2] = bytes_to_json(item[2].get<std::string>());
      }
    }
    out["boundaries"] = std::move(list);
  }
  if (!exchange.last_chunk_line.empty()) {
    out["last_chunk_line"] = bytes_to_json(exchange.last_chunk_line);
  }
  const http::Headers trailers = match::redact_headers(exchange.response_trailers, options);
  if (!trailers.empty()) out["trailers"] = pairs(trailers);
  if (!exchange.exact_trailers.empty()) {
    const std::string exact =
        redacted_text(exchange.exact_trailers, exchange.response_trailers, trailers);
    if (!exact.empty()) out["trailers_exact"] = bytes_to_json(exact);
  }
  if (exchange.closed_after) out["closed_after"] = true;
  if (exchange.ragged_close) out["ragged_close"] = true;
  if (exchange.truncation != http::Truncation::kNone) {
    out["truncation"] = truncation_name(exchange.truncation);
  }
  return out;
}

Result<std::string> whole(const Body& body) {
  if (body.in_memory()) return std::string(body.view());
  std::string out;
  const Status status = body.for_each_block([&](std::string_view block) {
    out += block;
    return true;
  });
  if (!status.ok()) return status.error();
  return out;
}

// A readable account of a failure for llama-stack, which raises it as its SDK's exception.
void put_exception(const Json& body, const match::RequestKey& key, int status, Json& response) {
  static constexpr struct {
    int status;
    const char* type;
  } kTypes[] = {{400, "BadRequestError"},       {401, "AuthenticationError"},
                {403, "PermissionDeniedError"}, {404, "NotFoundError"},
                {409, "ConflictError"},         {422, "UnprocessableEntityError"},
                {429, "RateLimitError"}};
  const char* type = status >= 500 ? "InternalServerError" : "APIStatusError";
  for (const auto& entry : kTypes) {
    if (entry.status == status) type = entry.type;
  }
  if (key.dialect == match::Dialect::kOllama) type = "ResponseError";
  const std::string message = "Error code: " + std::to_string(status);
  Json data = Json::object();
  data["category"] = "provider_sdk";
  data["provider"] = match::dialect_name(key.dialect);
  data["type"] = type;
  data["message"] = message;
  data["status_code"] = status;
  data["body"] = body.is_object() && body.contains("error") ? body["error"] : body;
  response["is_exception"] = true;
  response["exception_data"] = std::move(data);
  response["exception_message"] = message;
}

// The secrets of recshim.json inside the body. What goes over the wire then differs from
// what came, so its length and chunks must too.
bool redact_body(std::string& text, const match::MatchOptions& options) {
  std::string redacted = match::redact_values(text, options);
  if (redacted == text) return false;
  text = std::move(redacted);
  return true;
}

void fit_framing(size_t body_bytes, Json& response_part_json) {
  Json headers = Json::array();
  for (auto& pair : response_part_json["headers"]) {
    const std::string name = pair[0].is_string() ? http::to_lower(pair[0].get<std::string>()) : "";
    if (name == "content-encoding") continue;
    if (name == "content-length") pair[1] = std::to_string(body_bytes);
    headers.push_back(pair);
  }
  response_part_json["headers"] = std::move(headers);
  response_part_json.erase("head_exact");
  if (response_part_json.contains("boundaries")) {
    const Json offset = response_part_json["boundaries"].back()[1];
    response_part_json["boundaries"] = Json::array({Json::array({body_bytes, offset})});
  }
}

Result<Recording> encode(const http::Exchange& exchange, const match::RequestKey& key, int repeat,
                         const std::optional<std::string>& body_file_name,
                         const match::MatchOptions& options) {
  const auto header = [&](const char* name) {
    const auto value = http::find_header(exchange.response.headers, name);
    return value ? std::string(*value) : std::string();
  };
  ViewContext context;
  context.dialect = key.dialect;
  context.endpoint = key.path;
  if (const auto it = key.request.find("endpoint"); it != key.request.end() && it->is_string()) {
    context.endpoint = it->get<std::string>();
  }
  context.content_type = header("content-type");
  context.status = exchange.response.status;
  context.hash = key.hash;
  context.model_list = key.model_list;

  Json response_json = response_part(exchange, options);
  BodyView view;
  if (body_file_name) {
    auto digest = exchange.response_body.sha256_hex();
    if (!digest.ok()) return digest.error();
    view.note = Json::object();
    view.note["file"] = *body_file_name;
    view.note["length"] = exchange.response_body.size();
    view.note["sha256"] = *digest;
  } else if (exchange.response_body.size() > 0) {
    auto bytes = whole(exchange.response_body);
    if (!bytes.ok()) return bytes.error();
    std::string coding = header("content-encoding");
    std::string text = *bytes;
    bool encoded = false;
    if (!coding.empty() && !http::equals_ignoring_case(coding, "identity")) {
      // A body that can't be decoded (cut off, unknown coding) is shown as it is.
      auto decoded = http::decode_content(*bytes, coding, kMaxDecodedBytes);
      if (decoded.ok()) {
        text = std::move(*decoded);
        encoded = true;
      }
    }
    const bool redacted = redact_body(text, options);
    view = make_view(text, context);
    if (redacted) {
      fit_framing(text.size(), response_json);
    } else if (encoded) {
      if (view.note.is_null()) view.note = Json::object();
      view.note["encoded"] = base64(*bytes);
      // The encoded bytes alone are what is replayed.
      for (const char* name : {"style", "text", "before", "after", "exact", "between", "newline",
                               "space", "event_line", "unterminated", "envelope"}) {
        view.note.erase(name);
      }
      view.note.erase("data");
      view.originals = nullptr;
      view.originals_by_chunk = nullptr;
    }
  }

  Json file = Json::object();
  file["test_id"] = exchange.test_id ? Json(*exchange.test_id) : Json(nullptr);
  file["request"] = key.request;
  Json response = Json::object();
  const int status = exchange.response.status;
  response["body"] = std::move(view.body);
  response["is_streaming"] = view.is_streaming;
  if (key.dialect == match::Dialect::kGeneric || status != 200) response["status"] = status;
  if (key.dialect != match::Dialect::kGeneric && status >= 400) {
    put_exception(response["body"], key, status, response);
  }
  file["response"] = std::move(response);
  file["id_normalization_mapping"] = Json::object();

  Json own = Json::object();
  own["version"] = 1;
  own["origin"] = http::origin_url(exchange.origin);
  if (repeat != 1) own["repeat"] = repeat;
  if (!exchange.test_phase.empty()) own["phase"] = exchange.test_phase;
  if (exchange.started_wall_us != 0) own["recorded_at"] = utc_text(exchange.started_wall_us);
  own["timing"] = Json::object();
  own["timing"]["head_us"] = exchange.head_offset_us;
  own["timing"]["end_us"] = exchange.end_offset_us;
  own["request"] = request_part(exchange, key, options);
  own["response"] = std::move(response_json);
  if (!view.note.is_null()) own["body"] = std::move(view.note);
  if (!view.originals.is_null()) own["originals"] = std::move(view.originals);
  if (!view.originals_by_chunk.is_null()) {
    own["originals_by_chunk"] = std::move(view.originals_by_chunk);
  }
  file["recshim"] = std::move(own);
  return Recording{std::move(file)};
}

}  // namespace

Result<Recording> to_recording(const http::Exchange& exchange, const match::RequestKey& key,
                               int repeat, const std::optional<std::string>& body_file_name,
                               const match::MatchOptions& options) {
  try {
    return encode(exchange, key, repeat, body_file_name, options);
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("can't write the recording: ") + error.what()};
  }
}

}  // namespace recshim::store
