// See edited.h.
#include "shim/store/edited.h"

#include <algorithm>
#include <vector>

#include "shim/base/lasting.h"
#include "shim/http/body_rule.h"
#include "shim/http/codec.h"
#include "shim/store/body_view.h"
#include "shim/store/originals.h"

namespace recshim::store {
namespace {

constexpr size_t kMaxDecodedBytes = size_t{64} << 20;
constexpr std::string_view kIdPrefix = "rec-";

const Json& member(const Json& object, const char* key) {
  const Json& none = lasting<[] { return new const Json; }>();
  if (!object.is_object()) return none;
  const auto it = object.find(key);
  return it == object.end() ? none : *it;
}

// The start of the hash that normalised ids show.
std::string hash_in(const Json& body) {
  const Json& entry = unwrap(body.is_array() && !body.empty() ? body[0] : body);
  const Json& id = member(entry, "id");
  if (!id.is_string() || !id.get_ref<const std::string&>().starts_with(kIdPrefix)) return {};
  return id.get<std::string>().substr(kIdPrefix.size());
}

// As make_view() was asked when it was recorded.
ViewContext context_of(const Json& file, const http::ResponseHead& head) {
  ViewContext context;
  const Json& endpoint = member(member(file, "request"), "endpoint");
  if (endpoint.is_string()) {
    context.endpoint = endpoint.get<std::string>();
    context.dialect =
        context.endpoint.starts_with("/api/") ? match::Dialect::kOllama : match::Dialect::kOpenAi;
  }
  context.content_type = http::find_header(head.headers, "content-type").value_or("");
  context.status = head.status;
  context.hash = hash_in(member(member(file, "response"), "body"));
  context.model_list = member(member(member(file, "recshim"), "body"), "form") == "models";
  return context;
}

// Without the names of the SDK's classes, which say nothing of the body.
Json unwrapped(const Json& body) {
  if (!body.is_array()) return unwrap(body);
  Json out = Json::array();
  for (const Json& entry : body) out.push_back(unwrap(entry));
  return out;
}

void remove_header(http::Headers& headers, std::string_view name) {
  std::erase_if(headers, [&](const http::Header& header) {
    return http::equals_ignoring_case(header.name, name);
  });
}

void set_header(http::Headers& headers, const char* name, const std::string& value) {
  bool done = false;
  std::erase_if(headers, [&](http::Header& header) {
    if (!http::equals_ignoring_case(header.name, name)) return false;
    if (done) return true;
    header.value = value;
    done = true;
    return false;
  });
  if (!done) headers.push_back({name, value});
}

bool is_coded_as_said(const http::Exchange& exchange) {
  const auto coding = http::find_header(exchange.response.headers, "content-encoding");
  if (!coding) return true;
  const auto bytes = exchange.response_body.read(0, exchange.response_body.size());
  return bytes.ok() && http::decode_content(*bytes, *coding, kMaxDecodedBytes).ok();
}

// Chunks for a body that the recorded ones don't fit: an event each in a stream of them, so that
// they still come one by one, else one for all.
std::vector<http::Boundary> new_boundaries(const http::Exchange& exchange) {
  const uint64_t size = exchange.response_body.size();
  const auto type = http::find_header(exchange.response.headers, "content-type").value_or("");
  std::vector<uint64_t> sizes;
  if (http::to_lower(type).starts_with("text/event-stream")) {
    const auto text = exchange.response_body.read(0, size);
    for (size_t at = 0; text.ok() && at < text->size();) {
      const size_t plain = text->find("\n\n", at);
      const size_t crlf = text->find("\r\n\r\n", at);
      size_t end = std::min(plain == std::string::npos ? plain : plain + 2,
                            crlf == std::string::npos ? crlf : crlf + 4);
      end = std::min(end, text->size());
      sizes.push_back(end - at);
      at = end;
    }
  } else if (size > 0) {
    sizes.push_back(size);
  }
  std::vector<http::Boundary> out;
  const auto& old = exchange.boundaries;
  for (const uint64_t bytes : sizes) {
    http::Boundary boundary;
    boundary.size_bytes = bytes;
    boundary.offset_us =
        old.empty() ? exchange.end_offset_us : old[std::min(out.size(), old.size() - 1)].offset_us;
    out.push_back(std::move(boundary));
  }
  return out;
}

// The head that leads a client to read the body as it is framed.
bool fit_head(http::Exchange& exchange) {
  http::Headers& headers = exchange.response.headers;
  const uint64_t size = exchange.response_body.size();
  if (exchange.framing == http::Framing::kNone && size > 0)
    exchange.framing = http::Framing::kLength;
  const auto rule = http::response_body_rule(exchange.response, exchange.request.method);
  const bool same = rule.ok() && rule->framing == exchange.framing;
  if (exchange.framing == http::Framing::kNone) return false;
  if (same && (exchange.framing != http::Framing::kLength || rule->length_bytes == size)) {
    return false;
  }
  if (exchange.framing != http::Framing::kLength) remove_header(headers, "content-length");
  if (exchange.framing != http::Framing::kChunked) remove_header(headers, "transfer-encoding");
  if (exchange.framing == http::Framing::kLength) {
    set_header(headers, "Content-Length", std::to_string(size));
  } else if (exchange.framing == http::Framing::kChunked) {
    set_header(headers, "Transfer-Encoding", "chunked");
  }
  return true;
}

}  // namespace

std::optional<std::string> text_that_replaces(const Json& file, const std::string& encoded,
                                              const http::ResponseHead& head) {
  const auto coding = http::find_header(head.headers, "content-encoding").value_or("");
  const auto text = http::decode_content(encoded, coding, kMaxDecodedBytes);
  if (!text.ok()) return std::nullopt;
  const Json& body = member(member(file, "response"), "body");
  const BodyView view = make_view(*text, context_of(file, head));
  if (says_the_same(unwrapped(view.body), unwrapped(body))) return std::nullopt;
  if (view.note.is_null()) return plain_text(body);
  return text_of_view(body, view.note, view.originals, view.originals_by_chunk);
}

bool make_true(http::Exchange& exchange, bool edited) {
  http::ResponseHead& head = exchange.response;
  if (exchange.truncation != http::Truncation::kNone || head.status == 0) return edited;
  const bool bodiless =
      exchange.request.method == "HEAD" || head.status == 204 || head.status == 304;
  if (bodiless && edited && exchange.response_body.size() > 0) {
    throw ShapeError{"/response/body",
                     exchange.request.method == "HEAD"
                         ? "an answer to HEAD has none"
                         : "an answer of " + std::to_string(head.status) + " has none"};
  }
  bool changed = edited;
  if (bodiless) return changed;
  if (edited && !is_coded_as_said(exchange)) {
    remove_header(head.headers, "content-encoding");
    head.exact.clear();
  }
  uint64_t framed = 0;
  for (const auto& boundary : exchange.boundaries) framed += boundary.size_bytes;
  if (!exchange.boundaries.empty() && framed != exchange.response_body.size()) {
    exchange.boundaries = new_boundaries(exchange);
    changed = true;
  }
  // A head that is kept to the byte was so on the wire.
  if ((changed || head.exact.empty()) && fit_head(exchange)) {
    head.exact.clear();
    changed = true;
  }
  return changed;
}

}  // namespace recshim::store
