// What a person needs to know when no recording answers: the request, the key, the nearest
// recording and how it differs, what rule would make them equal, how to record.
#include <algorithm>
#include <array>

#include "shim/base/regular_file.h"
#include "shim/http/message.h"
#include "shim/match/canonical.h"
#include "shim/match/meaning.h"
#include "shim/match/python_json.h"
#include "shim/match/redact.h"
#include "shim/match/sketch.h"
#include "shim/match/url.h"
#include "shim/store/difference.h"
#include "shim/store/impl.h"

namespace recshim::store {
namespace {

using match::Json;

constexpr size_t kMaxCandidates = 16;
constexpr uint64_t kMaxCandidateBytes = uint64_t{32} << 20;  // all that are read together
constexpr size_t kMaxShown = 6;
// What a model is asked: who leaves these out of a key gets another question's answer.
constexpr std::array<std::string_view, 9> kQuestions = {
    "messages",          "prompt",       "input", "contents", "system",
    "systemInstruction", "instructions", "query", "model"};

std::string text_of(const Json& object, const char* name) {
  const auto it = object.find(name);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

std::string or_none(const std::string& text) {
  return text.empty() ? "(none)" : text;
}

// A recording of the same method and path, and how what it answers differs from what is asked.
struct Candidate {
  std::string path;
  Json request;  // as the file has it
  std::string url;
  std::vector<Difference> body;
  std::vector<Difference> query;
  std::string test_id;
  std::string host;
  bool from_recshim = false;

  [[nodiscard]] size_t differences() const { return body.size() + query.size(); }
};

// Of what the request lacks to be answered: a rule of recshim.json.
struct Rule {
  std::vector<std::string> ignore_body;
  std::vector<std::string> ignore_query;

  [[nodiscard]] match::MatchOptions added_to(match::MatchOptions options) const {
    const auto add = [](std::vector<std::string>& to, const std::vector<std::string>& more) {
      to.insert(to.end(), more.begin(), more.end());
    };
    add(options.ignore_body, ignore_body);
    add(options.ignore_query, ignore_query);
    return options;
  }
  [[nodiscard]] std::string text() const {
    Json match = Json::object();
    if (!ignore_body.empty()) match["ignore_body"] = ignore_body;
    if (!ignore_query.empty()) match["ignore_query"] = ignore_query;
    return match::dump(Json{{"match", std::move(match)}}, match::python_style());
  }
};

bool is_question(std::string_view pointer) {
  const std::string_view first = pointer.substr(1, pointer.find('/', 1) - 1);
  return std::find(kQuestions.begin(), kQuestions.end(), first) != kQuestions.end();
}

// The rule that leaves out all in which nearest differs; nullopt where that is no matter of rules.
std::optional<Rule> rule_for(const Candidate& nearest) {
  if (nearest.differences() == 0 || nearest.differences() > kMaxShown) return std::nullopt;
  Rule rule;
  for (const Difference& difference : nearest.body) {
    if (difference.place.empty() || is_question(difference.place)) return std::nullopt;
    rule.ignore_body.push_back(difference.place);
  }
  for (const Difference& difference : nearest.query) rule.ignore_query.push_back(difference.place);
  return rule;
}

// How many of the candidates could no longer be told from another one.
size_t collisions(const std::vector<Candidate>& candidates, const match::MatchOptions& before,
                  const match::MatchOptions& after) {
  struct Content {
    std::optional<std::string> before, after;
  };
  std::vector<Content> contents;
  for (const Candidate& candidate : candidates) {
    contents.push_back({match::content_hash(candidate.request, candidate.test_id, before),
                        match::content_hash(candidate.request, candidate.test_id, after)});
  }
  return static_cast<size_t>(std::count_if(contents.begin(), contents.end(), [&](const auto& one) {
    return std::any_of(contents.begin(), contents.end(), [&](const auto& other) {
      return one.before != other.before && one.after == other.after;
    });
  }));
}

// What rule would help, tried; or nothing.
std::string advice(const Candidate& nearest, const std::vector<Candidate>& candidates,
                   const Json& asked, const match::MatchOptions& options) {
  const auto rule = rule_for(nearest);
  if (!rule) return "";
  const match::MatchOptions with_rule = rule->added_to(options);
  if (match::content_hash(nearest.request, std::nullopt, with_rule) !=
      match::content_hash(asked, std::nullopt, with_rule)) {
    return "";
  }
  if (const size_t alike = collisions(candidates, options, with_rule); alike > 0) {
    return "No rule is advised: leaving that out would make " + std::to_string(alike) +
           " of the recordings that are most alike the same.\n";
  }
  return "If that does not matter, put it into recshim.json: " + rule->text() + "\n";
}

void tell_differences(const std::vector<Difference>& differences, const char* prefix,
                      std::string& text) {
  for (size_t i = 0; i < std::min(differences.size(), kMaxShown); ++i) {
    const Difference& difference = differences[i];
    text +=
        "  " +
        (difference.place.empty() ? std::string("(the whole body)") : prefix + difference.place) +
        ": " + difference.recorded + " → " + difference.asked + "\n";
  }
  if (differences.size() > kMaxShown) {
    text += "  … and " + std::to_string(differences.size() - kMaxShown) + " more\n";
  }
}

// For the one line of a miss.
std::string first_place(const Candidate& nearest, bool same_test) {
  if (!nearest.body.empty()) {
    return nearest.body.front().place.empty() ? "the body" : nearest.body.front().place;
  }
  if (!nearest.query.empty()) return "?" + nearest.query.front().place;
  return same_test ? "" : "the test's name";
}

}  // namespace

Missing Store::Impl::explain(const http::Exchange& request, const match::RequestKey& key) {
  Missing out;
  out.hash = key.hash;
  out.request_line =
      request.request.method + " " +
      match::redact_url(http::request_url(request.origin, request.request), options.match);
  const auto index_now = refreshed_index(false);
  // As the key sees them: what is left out of keys is no difference.
  const match::UserRules rules(options.match);
  const auto meaning = [&](const Json& asked_for) {
    return match::canonical_body(match::meaning_of(match::body_of(asked_for), key.path), false,
                                 rules);
  };
  const Json asked_body = meaning(key.request);
  const std::string asked_url = text_of(key.request, "url");
  const std::string asked_test = request.test_id.value_or("");
  std::vector<Candidate> candidates;
  uint64_t read_bytes = 0;
  for (const IndexEntry* entry : index_now->nearest(
           key.method, key.path, match::content_hash(key.request, std::nullopt, options.match),
           match::sketch_of(key.request), kMaxCandidates)) {
    if (read_bytes > kMaxCandidateBytes) break;
    read_bytes += entry->size_bytes;
    Candidate candidate;
    candidate.path = options.dir + "/" + entry->file;
    const auto content = read_below(env, options.dir, candidate.path, kMaxCandidateBytes);
    if (!content.ok()) continue;
    auto recorded = request_in(*content);
    if (!recorded) continue;
    candidate.request = std::move(*recorded);
    candidate.url = text_of(candidate.request, "url");
    candidate.body = body_differences(meaning(candidate.request), asked_body);
    // Of a body that is no JSON there is a digest alone.
    for (Difference& difference : candidate.body) {
      if (difference.place == "/sha256") difference.place.clear();
    }
    candidate.query = query_differences(candidate.url, asked_url);
    std::erase_if(candidate.query, [&](const Difference& difference) {
      const auto& ignored = options.match.ignore_query;
      return std::find(ignored.begin(), ignored.end(), difference.place) != ignored.end();
    });
    candidate.test_id = entry->summary.test_id.value_or("");
    candidate.host = entry->summary.host;
    candidate.from_recshim = entry->summary.from_recshim;
    candidates.push_back(std::move(candidate));
  }
  const auto distance = [&](const Candidate& candidate) {
    return 4 * candidate.differences() + (candidate.test_id == asked_test ? 0 : 2) +
           (candidate.host == request.origin.host ? 0 : 1);
  };
  const auto nearest = std::min_element(
      candidates.begin(), candidates.end(),
      [&](const Candidate& a, const Candidate& b) { return distance(a) < distance(b); });

  std::string& text = out.diagnosis;
  text = "No recording answers " + out.request_line + "\n";
  text += "  key:  " + key.hash + "\n";
  text += "  test: " + or_none(asked_test) + "\n";
  text += "  looked in " + options.dir + " (" + std::to_string(index_now->size()) + " files)\n";
  if (nearest == candidates.end()) {
    text += "  nothing was recorded for " + key.method + " " + key.path + "\n";
    out.summary = "no recording for " + out.request_line;
  } else {
    const bool same_test = nearest->test_id == asked_test;
    const match::UrlParts recorded = match::split_url(nearest->url);
    const match::UrlParts asked = match::split_url(asked_url);
    const bool same_server =
        recorded.scheme == asked.scheme && recorded.authority == asked.authority;
    out.nearest_path = nearest->path;
    text += "Nearest recording: " + nearest->path + "\n";
    tell_differences(nearest->body, "", text);
    tell_differences(nearest->query, "?", text);
    if (!same_test) {
      text += "  test: " + or_none(nearest->test_id) + " → " + or_none(asked_test) + "\n";
    }
    if (nearest->host != request.origin.host) {
      if (nearest->from_recshim) {
        text += "  host: " + nearest->host + " → " + request.origin.host + "\n";
      }
    } else if (!same_server) {
      text += "  url: " + nearest->url + " → " + asked_url +
              "\nScheme and port are part of a request: it has to be recorded as it is asked.\n";
    }
    if (same_test && (same_server || !nearest->from_recshim)) {
      text += advice(*nearest, candidates, key.request, options.match);
    }
    if (nearest->differences() == 0 && !same_test) {
      text += "It belongs to another test: set RECSHIM_TEST_ID, or record it for this one.\n";
      if (!nearest->test_id.empty() && !asked_test.empty()) {
        text += "If that test was renamed: recshim rekey --test '" + nearest->test_id + "=" +
                asked_test + "' --force\n";
      }
    }
    out.summary = "no recording for " + out.request_line +
                  " (nearest: " + nearest->path.substr(nearest->path.rfind('/') + 1);
    if (const std::string place = first_place(*nearest, same_test); !place.empty()) {
      out.summary += ", differs at " + place;
    }
    out.summary += ")";
  }
  if (!index_now->passed_over().empty()) {
    const auto& items = index_now->passed_over();
    std::string passed_over = "passed over in " + options.dir + ": " + items.front();
    if (items.size() > 1) passed_over += ", and " + std::to_string(items.size() - 1) + " more";
    text += passed_over + "\n";
    // Once a session is enough.
    const auto first = memory->exchange({"told", "passed over"}, 0, 1);
    if (first && *first) out.summary += "; " + passed_over;
  }
  text +=
      "To record it: run the same with RECSHIM_MODE=record-if-missing, which fetches this request "
      "and\n"
      "leaves what is there alone, or with RECSHIM_MODE=record.\n";
  return out;
}

}  // namespace recshim::store
