// What a person needs to know when no recording answers: the request, the key, the nearest
// recording and how it differs, what rule would make them equal, how to record.
#include <algorithm>
#include <set>

#include "shim/base/lasting.h"
#include "shim/http/message.h"
#include "shim/match/canonical.h"
#include "shim/match/python_json.h"
#include "shim/match/redact.h"
#include "shim/match/url.h"
#include "shim/store/impl.h"

namespace recshim::store {
namespace {

using match::Json;

constexpr size_t kMaxCandidates = 200;
constexpr uint64_t kMaxCandidateBytes = uint64_t{32} << 20;  // all that are read together
constexpr size_t kMaxShown = 6;
constexpr size_t kMaxValueBytes = 80;

struct Difference {
  std::string pointer;
  std::string recorded;
  std::string asked;
};

std::string shown(const Json& value) {
  std::string text = match::dump(value, match::compact_style());
  if (text.size() <= kMaxValueBytes) return text;
  text.resize(kMaxValueBytes);
  // Not in the middle of a character.
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.pop_back();
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.pop_back();
  return text + "…";
}

std::string escaped(const std::string& key) {
  std::string out;
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

// The places where two values differ, the deepest pointers that say it.
void compare(const Json& recorded, const Json& asked, const std::string& at,
             std::vector<Difference>& out) {
  if (recorded.is_object() && asked.is_object()) {
    for (auto it = recorded.begin(); it != recorded.end(); ++it) {
      const auto other = asked.find(it.key());
      const std::string path = at + "/" + escaped(it.key());
      if (other == asked.end()) {
        out.push_back({path, shown(*it), "(absent)"});
      } else {
        compare(*it, *other, path, out);
      }
    }
    for (auto it = asked.begin(); it != asked.end(); ++it) {
      if (!recorded.contains(it.key())) {
        out.push_back({at + "/" + escaped(it.key()), "(absent)", shown(*it)});
      }
    }
    return;
  }
  if (recorded.is_array() && asked.is_array()) {
    const size_t most = std::max(recorded.size(), asked.size());
    for (size_t i = 0; i < most; ++i) {
      const std::string path = at + "/" + std::to_string(i);
      if (i >= recorded.size()) {
        out.push_back({path, "(absent)", shown(asked[i])});
      } else if (i >= asked.size()) {
        out.push_back({path, shown(recorded[i]), "(absent)"});
      } else {
        compare(recorded[i], asked[i], path, out);
      }
    }
    return;
  }
  if (recorded != asked) out.push_back({at, shown(recorded), shown(asked)});
}

const Json& body_of(const Json& request) {
  const Json& none = lasting<[] { return new const Json; }>();
  for (const char* name : {"body", "payload"}) {
    const auto it = request.find(name);
    if (it != request.end()) return *it;
  }
  return none;
}

std::string text_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

struct Nearest {
  std::string path;
  size_t distance = 0;
  std::vector<Difference> body;
  std::string test_id;
  std::string host;
  std::string url;
  bool from_recshim = false;
};

}  // namespace

Missing Store::Impl::explain(const http::Exchange& request, const match::RequestKey& key) {
  Missing out;
  out.hash = key.hash;
  out.request_line =
      request.request.method + " " +
      match::redact_url(http::request_url(request.origin, request.request), options.match);
  const auto index_now = refreshed_index(false);
  std::optional<Nearest> nearest;
  uint64_t read_bytes = 0;
  // As the key sees them: what is left out of keys is no difference.
  const match::UserRules rules_now(options.match);
  const Json asked_body = match::canonical_body(body_of(key.request), false, rules_now);
  const std::string asked_test = request.test_id.value_or("");
  for (const IndexEntry* entry : index_now->similar(key.method, key.path, kMaxCandidates)) {
    if (read_bytes > kMaxCandidateBytes) break;
    read_bytes += entry->size_bytes;
    Nearest candidate;
    candidate.path = options.dir + "/" + entry->file;
    auto content = env.read_file(candidate.path);
    if (!content.ok()) continue;
    const auto recorded = request_in(*content);
    if (!recorded) continue;
    compare(match::canonical_body(body_of(*recorded), false, rules_now), asked_body, "",
            candidate.body);
    candidate.test_id = entry->summary.test_id.value_or("");
    candidate.host = entry->summary.host;
    candidate.from_recshim = entry->summary.from_recshim;
    candidate.url = text_of(*recorded, "url");
    candidate.distance = 4 * candidate.body.size() + (candidate.test_id == asked_test ? 0 : 2) +
                         (candidate.host == request.origin.host ? 0 : 1);
    if (!nearest || candidate.distance < nearest->distance) nearest = std::move(candidate);
  }

  std::string& text = out.diagnosis;
  text = "No recording answers " + out.request_line + "\n";
  text += "  key:  " + key.hash + "\n";
  text += "  test: " + (request.test_id ? *request.test_id : std::string("(none)")) + "\n";
  text += "  looked in " + options.dir + " (" + std::to_string(index_now->size()) + " files)\n";
  if (!nearest) {
    text += "  nothing was recorded for " + key.method + " " + key.path + "\n";
    out.summary = "no recording for " + out.request_line;
  } else {
    out.nearest_path = nearest->path;
    text += "Nearest recording: " + nearest->path + "\n";
    std::vector<std::string> rules;
    size_t shown_count = 0;
    for (const auto& difference : nearest->body) {
      if (shown_count++ == kMaxShown) {
        text += "  … and " + std::to_string(nearest->body.size() - kMaxShown) + " more\n";
        break;
      }
      text += "  " +
              (difference.pointer.empty() ? std::string("(the whole body)") : difference.pointer) +
              ": " + difference.recorded + " → " + difference.asked + "\n";
      if (!difference.pointer.empty()) rules.push_back("\"" + difference.pointer + "\"");
    }
    if (nearest->test_id != asked_test) {
      text += "  test: " + (nearest->test_id.empty() ? "(none)" : nearest->test_id) + " → " +
              (asked_test.empty() ? "(none)" : asked_test) + "\n";
    }
    if (nearest->host != request.origin.host && nearest->from_recshim) {
      text += "  host: " + nearest->host + " → " + request.origin.host + "\n";
    }
    const std::string asked_url = text_of(key.request, "url");
    if (nearest->url != asked_url && nearest->host == request.origin.host) {
      text += "  url: " + nearest->url + " → " + asked_url + "\n";
      const match::UrlParts recorded = match::split_url(nearest->url);
      const match::UrlParts asked = match::split_url(asked_url);
      if (recorded.query != asked.query) {
        text +=
            "If the query does not matter, name its parameters in recshim.json: "
            "{\"match\": {\"ignore_query\": [\"…\"]}}\n";
      }
      if (recorded.scheme != asked.scheme || recorded.authority != asked.authority) {
        text += "Scheme and port are part of a request: it has to be recorded as it is asked.\n";
      }
    }
    if (!rules.empty() && rules.size() <= kMaxShown && nearest->body.size() <= kMaxShown) {
      text += "If that does not matter, put it into recshim.json: {\"match\": {\"ignore_body\": [";
      for (const auto& rule : rules) text += (&rule == &rules.front() ? "" : ", ") + rule;
      text += "]}}\n";
    }
    if (nearest->body.empty() && nearest->test_id != asked_test) {
      text += "It belongs to another test: set RECSHIM_TEST_ID, or record it for this one.\n";
    }
    const std::string name = nearest->path.substr(nearest->path.rfind('/') + 1);
    out.summary = "no recording for " + out.request_line + " (nearest: " + name;
    if (!nearest->body.empty()) {
      out.summary +=
          ", differs at " + (nearest->body.front().pointer.empty() ? std::string("the body")
                                                                   : nearest->body.front().pointer);
    }
    out.summary += ")";
  }
  text += "To record it: run the same with RECSHIM_MODE=record\n";
  return out;
}

}  // namespace recshim::store
