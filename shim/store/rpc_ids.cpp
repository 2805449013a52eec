// See rpc_ids.h.
#include "shim/store/rpc_ids.h"

#include <algorithm>
#include <string>
#include <vector>

#include "shim/http/codec.h"
#include "shim/match/meaning.h"
#include "shim/store/json_scanner.h"

namespace recshim::store {
namespace {

using match::Json;

constexpr size_t kMaxBodyBytes = size_t{16} << 20;

struct Ids {
  Json recorded;
  std::string asked;  // as JSON
};

// Text to be put in the place of other text.
struct Change {
  size_t at;
  size_t size;
  std::string text;
};

void add_ids(const Json& recorded, const Json& asked, std::vector<Ids>& out) {
  const auto was = recorded.find("id");
  const auto is = asked.find("id");
  if (was == recorded.end() || is == asked.end() || *was == *is) return;
  out.push_back({*was, match::dump(*is, match::compact_style())});
}

// Calls of a batch stand in the same order in both: they are one request.
std::vector<Ids> ids_of(const Json& recorded, const Json& asked) {
  std::vector<Ids> out;
  if (recorded.is_object() && asked.is_object()) {
    add_ids(recorded, asked, out);
  } else if (recorded.is_array() && asked.is_array()) {
    for (size_t i = 0; i < std::min(recorded.size(), asked.size()); ++i) {
      add_ids(recorded[i], asked[i], out);
    }
  }
  return out;
}

// value: part of body. Changes the "id" of the object that it is.
void change_object(std::string_view body, std::string_view value, const std::vector<Ids>& ids,
                   std::vector<Change>& out) {
  JsonScanner(value).object([&](std::string_view name, std::string_view text) {
    if (name != "id") return;
    const auto id = parse_json(text);
    const auto found = std::find_if(ids.begin(), ids.end(),
                                    [&](const Ids& pair) { return id && pair.recorded == *id; });
    if (found == ids.end()) return;
    out.push_back({static_cast<size_t>(text.data() - body.data()), text.size(), found->asked});
  });
}

void change_document(std::string_view body, std::string_view document, const std::vector<Ids>& ids,
                     std::vector<Change>& out) {
  const size_t first = document.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return;
  if (document[first] != '[') return change_object(body, document, ids, out);
  JsonScanner(document).array([&](std::string_view item) { change_object(body, item, ids, out); });
}

std::vector<Change> changes_in(std::string_view body, bool events, const std::vector<Ids>& ids) {
  std::vector<Change> out;
  if (!events) {
    change_document(body, body, ids, out);
    return out;
  }
  constexpr std::string_view kData = "data:";
  for (size_t at = 0; at < body.size();) {
    const size_t end = std::min(body.find('\n', at), body.size());
    const std::string_view line = body.substr(at, end - at);
    if (line.starts_with(kData)) {
      change_document(body, line.substr(kData.size()), ids, out);
    }
    at = end + 1;
  }
  return out;
}

// Each boundary grows or shrinks by what changes in it. False where an id goes over the end of one.
bool move_boundaries(std::vector<http::Boundary>& boundaries, const std::vector<Change>& changes) {
  uint64_t end = 0;
  size_t next = 0;
  for (http::Boundary& boundary : boundaries) {
    end += boundary.size_bytes;
    for (; next < changes.size() && changes[next].at < end; ++next) {
      if (changes[next].at + changes[next].size > end) return false;
      boundary.size_bytes += changes[next].text.size() - changes[next].size;
      boundary.exact_line.clear();
    }
  }
  return true;
}

void set_length(http::Exchange& answer, size_t bytes, bool plain) {
  answer.response.exact.clear();
  std::erase_if(answer.response.headers, [&](const http::Header& header) {
    return plain && http::equals_ignoring_case(header.name, "Content-Encoding");
  });
  for (http::Header& header : answer.response.headers) {
    if (http::equals_ignoring_case(header.name, "Content-Length")) {
      header.value = std::to_string(bytes);
    }
  }
}

}  // namespace

void answer_with_ids(http::Exchange& answer, const Json& recorded, const Json& asked) {
  const auto was = recorded.find("payload");
  const auto is = asked.find("payload");
  if (was == recorded.end() || is == asked.end() || !match::is_json_rpc(*was)) return;
  const std::vector<Ids> ids = ids_of(*was, *is);
  if (ids.empty() || answer.response_body.size() > kMaxBodyBytes) return;
  if (answer.truncation != http::Truncation::kNone) return;
  auto bytes = answer.response_body.read(0, answer.response_body.size());
  if (!bytes) return;
  std::string body = std::move(*bytes);
  const auto coding = http::find_header(answer.response.headers, "Content-Encoding");
  if (coding) {
    auto decoded = http::decode_content(body, *coding, kMaxBodyBytes);
    if (!decoded) return;
    body = std::move(*decoded);
  }
  const auto type = http::find_header(answer.response.headers, "Content-Type").value_or("");
  const bool events = http::to_lower(type).starts_with("text/event-stream");
  std::vector<Change> changes = changes_in(body, events, ids);
  if (changes.empty()) return;
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    body.replace(change->at, change->size, change->text);
  }
  const bool moved = !coding && move_boundaries(answer.boundaries, changes);
  if (!moved && !answer.boundaries.empty()) {
    answer.boundaries = {{body.size(), answer.boundaries.back().offset_us, ""}};
  }
  set_length(answer, body.size(), coding.has_value());
  answer.response_body = Body(std::move(body));
}

}  // namespace recshim::store
