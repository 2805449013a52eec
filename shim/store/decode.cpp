// recshim's own recording file → exchange, byte for byte. llama-stack's files are rendered
// in render.cpp. See recording.h and recordings/README.md.
#include <algorithm>

#include "shim/base/utc.h"
#include "shim/store/body_view.h"
#include "shim/store/edited.h"
#include "shim/store/json_bytes.h"
#include "shim/store/recording.h"
#include "shim/store/render.h"

namespace recshim::store {
namespace {

// Reads one object of the file; what is wrong is thrown with its path.
class Reader {
 public:
  Reader(const Json& json, std::string path) : json_(json), path_(std::move(path)) {
    if (!json_.is_object()) throw ShapeError{path_, "must be an object"};
  }
  [[nodiscard]] const Json* get(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() ? nullptr : &*it;
  }
  [[nodiscard]] const Json& need(const char* key) const {
    const Json* value = get(key);
    if (value == nullptr) throw ShapeError{at(key), "is missing"};
    return *value;
  }
  [[nodiscard]] std::string at(const char* key) const { return path_ + "/" + key; }
  [[nodiscard]] std::string bytes(const char* key, const char* otherwise = "") const {
    const Json* value = get(key);
    return value == nullptr ? otherwise : bytes_from_json(*value, at(key));
  }
  [[nodiscard]] uint64_t number(const char* key) const {
    const Json* value = get(key);
    return value == nullptr ? 0 : whole_number(*value, at(key));
  }
  [[nodiscard]] bool flag(const char* key, bool otherwise) const {
    const Json* value = get(key);
    if (value == nullptr) return otherwise;
    if (!value->is_boolean()) throw ShapeError{at(key), "must be true or false"};
    return value->get<bool>();
  }
  [[nodiscard]] http::Headers headers(const char* key) const {
    http::Headers out;
    const Json* list = get(key);
    if (list == nullptr) return out;
    if (!list->is_array()) throw ShapeError{at(key), "must be a list"};
    for (size_t i = 0; i < list->size(); ++i) {
      const std::string path = at(key) + "/" + std::to_string(i);
      const Json& pair = (*list)[i];
      if (!pair.is_array() || pair.size() != 2) throw ShapeError{path, "must be [name, value]"};
      out.push_back({bytes_from_json(pair[0], path + "/0"), bytes_from_json(pair[1], path + "/1")});
    }
    return out;
  }
  static uint64_t whole_number(const Json& value, const std::string& path) {
    if (!value.is_number_unsigned() && !(value.is_number_integer() && value >= 0)) {
      throw ShapeError{path, "must be a whole number from 0"};
    }
    return value.get<uint64_t>();
  }

 private:
  const Json& json_;
  std::string path_;
};

http::ResponseHead head_of(const Reader& reader) {
  http::ResponseHead head;
  head.version = reader.bytes("http_version", "1.1");
  const uint64_t status = reader.number("status");
  // 0: the connection ended before a whole head had come (http::Truncation).
  if (status != 0 && (status < 100 || status > 999)) {
    throw ShapeError{reader.at("status"), "must be 100 to 999, or 0 when no response came"};
  }
  head.status = static_cast<int>(status);
  head.reason = reader.bytes("reason");
  head.headers = reader.headers("headers");
  head.exact = reader.bytes("head_exact");
  return head;
}

template <typename Enum>
Enum named(const Reader& reader, const char* key, const char* otherwise,
           std::initializer_list<std::pair<const char*, Enum>> names) {
  const std::string name = reader.bytes(key, otherwise);
  for (const auto& [text, value] : names) {
    if (name == text) return value;
  }
  throw ShapeError{reader.at(key), "is no known word: " + name};
}

void read_response(const Reader& reader, http::Exchange& out) {
  out.response = head_of(reader);
  out.framing = named<http::Framing>(reader, "framing", "none",
                                     {{"none", http::Framing::kNone},
                                      {"length", http::Framing::kLength},
                                      {"chunked", http::Framing::kChunked},
                                      {"until_close", http::Framing::kUntilClose}});
  out.truncation = named<http::Truncation>(reader, "truncation", "none",
                                           {{"none", http::Truncation::kNone},
                                            {"eof", http::Truncation::kEof},
                                            {"ragged", http::Truncation::kRagged},
                                            {"reset", http::Truncation::kReset},
                                            {"client", http::Truncation::kClient}});
  out.closed_after = reader.flag("closed_after", false);
  out.ragged_close = reader.flag("ragged_close", false);
  if (const Json* list = reader.get("informational")) {
    if (!list->is_array()) throw ShapeError{reader.at("informational"), "must be a list"};
    for (size_t i = 0; i < list->size(); ++i) {
      out.informational.push_back(
          head_of(Reader((*list)[i], reader.at("informational") + "/" + std::to_string(i))));
    }
  }
  if (const Json* list = reader.get("boundaries")) {
    if (!list->is_array()) throw ShapeError{reader.at("boundaries"), "must be a list"};
    for (size_t i = 0; i < list->size(); ++i) {
      const std::string path = reader.at("boundaries") + "/" + std::to_string(i);
      const Json& item = (*list)[i];
      if (!item.is_array() || item.size() < 2 || item.size() > 3) {
        throw ShapeError{path, "must be [bytes, microseconds] or [bytes, microseconds, line]"};
      }
      http::Boundary boundary;
      boundary.size_bytes = Reader::whole_number(item[0], path + "/0");
      boundary.offset_us = Reader::whole_number(item[1], path + "/1");
      if (item.size() == 3) boundary.exact_line = bytes_from_json(item[2], path + "/2");
      out.boundaries.push_back(std::move(boundary));
    }
  }
  out.last_chunk_line = reader.bytes("last_chunk_line");
  out.response_trailers = reader.headers("trailers");
  out.exact_trailers = reader.bytes("trailers_exact");
}

http::Origin origin_of(const Reader& own) {
  const std::string url = own.bytes("origin");
  http::Origin origin;
  const size_t scheme = url.find("://");
  if (scheme == std::string::npos) throw ShapeError{own.at("origin"), "must be a URL"};
  origin.scheme = url.substr(0, scheme);
  std::string rest = url.substr(scheme + 3);
  origin.port = origin.scheme == "http" ? 80 : 443;
  const size_t bracket = rest.starts_with('[') ? rest.find(']') : std::string::npos;
  const size_t colon = rest.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    const std::string port = rest.substr(colon + 1);
    if (port.empty() || port.size() > 5 ||
        port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) > 65535) {
      throw ShapeError{own.at("origin"), "has no valid port"};
    }
    origin.port = static_cast<uint16_t>(std::stoi(port));
    rest.resize(colon);
  }
  if (bracket != std::string::npos) rest = rest.substr(1, bracket - 1);
  origin.host = http::to_lower(rest);
  return origin;
}

using OpenBody = std::function<Result<Body>(const std::string& name, uint64_t size)>;

// A failure to read the body, as against a wrong file.
struct BodyError {
  Error error;
};

// A file of Git LFS that was not fetched stands in for the body (git-lfs, docs/spec.md).
bool is_lfs_pointer(const Body& body) {
  constexpr std::string_view kStart = "version https://git-lfs.github.com/spec/";
  const auto start = body.read(0, kStart.size());
  return start.ok() && *start == kStart;
}

struct ReadBody {
  Body body;
  bool edited = false;  // by hand
};

// shown: response.body, which is null unless somebody has written there.
ReadBody body_beside(const Reader& note, const Json& shown, const OpenBody& open_body) {
  const std::string name = note.bytes("file");
  if (name.empty() || name.find('/') != std::string::npos || name.starts_with('.')) {
    throw ShapeError{note.at("file"), "must be the name of a file beside this one"};
  }
  if (!shown.is_null()) return {Body(plain_text(shown)), true};
  const uint64_t length = note.number("length");
  auto body = open_body(name, length);
  if (!body.ok()) {
    throw BodyError{
        Error{body.error().code == ErrorCode::kNotFound ? ErrorCode::kInvalid : body.error().code,
              note.at("file") + ": " + name + ": " + body.error().message}};
  }
  auto digest = body->sha256_hex();
  if (!digest.ok()) throw BodyError{digest.error()};
  const bool same = body->size() == length && *digest == note.bytes("sha256");
  if (!same && is_lfs_pointer(*body)) {
    throw ShapeError{note.at("file"), name + " has not been fetched: git lfs pull"};
  }
  return {std::move(*body), !same};
}

ReadBody body_of(const Json& file, const Json& own, const http::ResponseHead& head,
                 const OpenBody& open_body) {
  const Json none;
  const auto member = [&none](const Json& object, const char* key) -> const Json& {
    const auto it = object.find(key);
    return it == object.end() ? none : *it;
  };
  const Json& shown = member(file["response"], "body");
  const auto note_at = own.find("body");
  if (note_at == own.end()) return {Body(plain_text(shown)), !shown.is_null()};
  const Reader note(*note_at, "/recshim/body");
  if (note.get("file") != nullptr) return body_beside(note, shown, open_body);
  if (const Json* encoded = note.get("encoded")) {
    auto bytes =
        encoded->is_string() ? from_base64(encoded->get_ref<const std::string&>()) : std::nullopt;
    if (!bytes) throw ShapeError{note.at("encoded"), "is not base64"};
    auto text = text_that_replaces(file, *bytes, head);
    if (text) return {Body(std::move(*text)), true};
    return {Body(std::move(*bytes))};
  }
  if (member(*note_at, "form") == "base64" && !shown.is_null()) {
    return {Body(plain_text(shown)), true};
  }
  return {Body(
      text_of_view(shown, *note_at, member(own, "originals"), member(own, "originals_by_chunk")))};
}

http::Exchange decode(const Recording& recording, const OpenBody& open_body, bool* was_edited) {
  const Json& file = recording.json;
  const Reader own(file["recshim"], "/recshim");
  http::Exchange out;
  out.origin = origin_of(own);
  out.test_id = recording.test_id();
  out.test_phase = own.bytes("phase");
  out.started_wall_us = utc_from_text(own.bytes("recorded_at")).value_or(0);
  if (const Json* timing = own.get("timing")) {
    const Reader times(*timing, own.at("timing"));
    out.head_offset_us = times.number("head_us");
    out.end_offset_us = times.number("end_us");
  }
  if (const Json* json = own.get("request")) {
    const Reader request(*json, own.at("request"));
    const Reader top(file["request"], "/request");
    out.request.version = request.bytes("http_version", "1.1");
    out.request.method = request.bytes("method", top.bytes("method").c_str());
    out.request.target = request.bytes("target");
    if (out.request.target.empty()) {
      std::string url = top.bytes("url");
      const std::string origin = http::origin_url(out.origin);
      out.request.target = url.starts_with(origin + "/") ? url.substr(origin.size()) : url;
    }
    out.request.headers = request.headers("headers");
    out.request_trailers = request.headers("trailers");
    out.request_complete = request.flag("complete", true);
    if (request.get("early_after_body_bytes") != nullptr) {
      out.early_after_body_bytes = request.number("early_after_body_bytes");
    }
  }
  read_response(Reader(own.need("response"), own.at("response")), out);
  auto read = body_of(file, file["recshim"], out.response, open_body);
  out.response_body = std::move(read.body);
  const bool edited = make_true(out, read.edited);
  if (was_edited != nullptr) *was_edited = edited;
  return out;
}

}  // namespace

Result<http::Exchange> to_exchange(const Recording& recording, const OpenBody& open_body,
                                   const http::Exchange* asked, bool* was_edited) {
  try {
    if (const auto why = recording.not_http()) return Error{ErrorCode::kUnsupported, *why};
    if (!recording.from_recshim()) return render_llama_stack(recording, asked);
    return decode(recording, open_body, was_edited);
  } catch (const ShapeError& error) {
    return Error{ErrorCode::kInvalid, error.path + ": " + error.what};
  } catch (const BodyError& error) {
    return error.error;
  } catch (const std::exception& error) {
    return Error{ErrorCode::kInvalid, std::string("can't be read: ") + error.what()};
  }
}

}  // namespace recshim::store
