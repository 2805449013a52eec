// See comparison.h.
#include "shim/store/comparison.h"

#include <algorithm>
#include <array>

#include "shim/http/codec.h"
#include "shim/match/python_json.h"
#include "shim/store/body_view.h"
#include "shim/store/json_bytes.h"
#include "shim/store/originals.h"

namespace recshim::store {
namespace {

constexpr size_t kMaxDecodedBytes = size_t{64} << 20;

std::string text_of(const Json& json, const char* name) {
  const auto it = json.find(name);
  return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
}

bool is_dialects(const Json& file) {
  return file["request"].contains("endpoint");
}

// --- Headers ------------------------------------------------------------------------------

std::string header_name(const Json& pair) {
  return pair.is_array() && pair.size() == 2 && pair[0].is_string()
             ? http::to_lower(pair[0].get_ref<const std::string&>())
             : std::string();
}

void drop_headers(Json& headers, const std::vector<std::string>& names) {
  Json kept = Json::array();
  for (const auto& pair : headers) {
    const std::string name = header_name(pair);
    const auto drops = [&](const std::string& wanted) {
      const bool prefix = wanted.ends_with('*');
      return prefix ? name.starts_with(std::string_view(wanted).substr(0, wanted.size() - 1))
                    : name == wanted;
    };
    if (std::none_of(names.begin(), names.end(), drops)) kept.push_back(pair);
  }
  headers = std::move(kept);
}

// What is drawn anew for every exchange within a value: the boundary of a multipart, and when
// a cookie expires.
void drop_volatile_parts(Json& headers) {
  for (auto& pair : headers) {
    const std::string name = header_name(pair);
    if (name.empty() || !pair[1].is_string()) continue;
    auto& value = pair[1].get_ref<std::string&>();
    const std::string lower = http::to_lower(value);
    if (name == "content-type" && lower.starts_with("multipart/")) {
      value.resize(std::min(lower.find("boundary="), value.size()));
    } else if (name == "set-cookie") {
      const size_t at = lower.find("expires=");
      if (at != std::string::npos)
        value.erase(at, std::min(value.find(';', at), value.size()) - at);
    }
  }
}

// --- A dialect's answer -------------------------------------------------------------------

template <size_t N>
bool is_one_of(const std::string& name, const std::array<const char*, N>& names) {
  return std::any_of(names.begin(), names.end(), [&](const char* one) { return name == one; });
}

// Values that differ at every call and that no request repeats: when, how fast, on which
// machines, and the padding against observers.
void level(Json& value, bool in_usage = false) {
  static constexpr std::array kTimes = {"created", "created_at", "completed_at", "expires_at"};
  static constexpr std::array kDropped = {"obfuscation", "system_fingerprint", "timings",
                                          "time_info"};
  if (value.is_array()) {
    for (Json& item : value) level(item, in_usage);
  } else if (value.is_object()) {
    if (text_of(value, "object") == "model") return;
    for (const char* name : kDropped) value.erase(name);
    for (auto it = value.begin(); it != value.end(); ++it) {
      const bool time = is_one_of(it.key(), kTimes) || (in_usage && it.key().ends_with("_time"));
      if (time && (it->is_number() || it->is_string())) {
        *it = 0;
      } else {
        level(*it, it.key() == "usage");
      }
    }
  }
}

// The answer with every id in it, also those that normalisation replaced: response.body and
// the originals, both from the compressed bytes where these are all there is of them.
Json with_its_ids(const Json& file) {
  Json out = Json::array();
  // at(): what a file edited by hand lacks is told by an exception.
  const Json& own = file.at("recshim");
  const auto note = own.find("body");
  const std::string encoded =
      note != own.end() && note->is_object() ? text_of(*note, "encoded") : std::string();
  if (encoded.empty()) {
    out.push_back(file.at("response").at("body"));
    for (const char* name : {"originals", "originals_by_chunk"}) {
      out.push_back(own.contains(name) ? own[name] : Json());
    }
    return out;
  }
  ViewContext context;
  context.endpoint = text_of(file.at("request"), "endpoint");
  context.dialect =
      context.endpoint.starts_with("/api/") ? match::Dialect::kOllama : match::Dialect::kOpenAi;
  std::string coding;
  for (const auto& pair : own.at("response").at("headers")) {
    if (header_name(pair) == "content-encoding") coding = pair.at(1).get<std::string>();
    if (header_name(pair) == "content-type") context.content_type = pair.at(1).get<std::string>();
  }
  const auto bytes = from_base64(encoded);
  const auto text = bytes ? http::decode_content(*bytes, coding, kMaxDecodedBytes)
                          : Result<std::string>(Error{ErrorCode::kInvalid, "not base64"});
  if (!text.ok()) return out;
  BodyView view = make_view(*text, context);
  out.push_back(std::move(view.body));
  out.push_back(std::move(view.originals));
  out.push_back(std::move(view.originals_by_chunk));
  return out;
}

// Pairs the ids that stand in the same places. name: of the member, or the pointer to it.
// False when they don't pair one to one.
bool pair_ids(const Json& recorded, const Json& today, const std::string& name,
              const ServerIds& known, ServerIds& out) {
  if (recorded.is_object() && today.is_object()) {
    if (text_of(recorded, "object") == "model") return true;
    for (auto it = recorded.begin(); it != recorded.end(); ++it) {
      const auto other = today.find(it.key());
      if (other == today.end()) continue;
      if (!pair_ids(*it, *other, it.key().substr(it.key().rfind('/') + 1), known, out))
        return false;
    }
  } else if (recorded.is_array() && today.is_array()) {
    for (size_t i = 0; i < std::min(recorded.size(), today.size()); ++i) {
      if (!pair_ids(recorded[i], today[i], name, known, out)) return false;
    }
  } else if (recorded.is_string() && today.is_string() && (name == "id" || name.ends_with("_id"))) {
    const auto& theirs = recorded.get_ref<const std::string&>();
    const std::string ours = known.replaced_in(today.get_ref<const std::string&>());
    if (ours == theirs) return out.pair(ours, theirs);
    // Another id of today stands for it already.
    if (!could_be_one_server_id(ours, theirs)) return true;
    return !known.is_recorded(theirs) && out.pair(ours, theirs);
  }
  return true;
}

void replace_ids(Json& value, const ServerIds& ids) {
  if (value.is_string()) {
    value = ids.replaced_in(value.get_ref<const std::string&>());
  } else if (value.is_structured()) {
    for (Json& item : value) replace_ids(item, ids);
  }
}

// --- Files --------------------------------------------------------------------------------

Json without_volatile(const Json& file, std::vector<std::string> names) {
  Json out = file;
  if (is_dialects(out)) level(out["response"]["body"]);
  const auto own = out.find("recshim");
  if (own == out.end() || !own->is_object()) return out;
  for (const char* key : {"recorded_at", "timing", "originals", "originals_by_chunk"}) {
    own->erase(key);
  }
  names.emplace_back("date");
  // Sizes follow from the values that normalisation replaced; the bodies are compared.
  names.emplace_back("content-length");
  for (const char* side : {"request", "response"}) {
    const auto it = own->find(side);
    if (it == own->end() || !it->is_object()) continue;
    const auto headers = it->find("headers");
    if (headers != it->end() && headers->is_array()) {
      drop_headers(*headers, names);
      drop_volatile_parts(*headers);
    }
    it->erase("boundaries");
    it->erase("head_exact");
  }
  const auto body = own->find("body");
  if (body != own->end() && body->is_object() && body->contains("form")) body->erase("encoded");
  return out;
}

std::optional<ServerIds> compare(const Recording& a, const Recording& b,
                                 const std::vector<std::string>& volatile_headers,
                                 const ServerIds& known) {
  Json recorded = without_volatile(a.json, volatile_headers);
  Json today = without_volatile(b.json, volatile_headers);
  ServerIds ids;
  if (is_dialects(a.json) && a.from_recshim() && b.from_recshim()) {
    if (!pair_ids(with_its_ids(a.json), with_its_ids(b.json), "", known, ids)) return std::nullopt;
  }
  for (const ServerIds* pairs : {&known, static_cast<const ServerIds*>(&ids)}) {
    if (pairs->empty()) continue;
    replace_ids(today["response"], *pairs);
    if (today.contains("recshim")) replace_ids(today["recshim"], *pairs);
  }
  // By text: NaN is itself there, and 1 is not 1.0.
  const auto style = match::compact_style();
  if (match::dump(recorded, style) != match::dump(today, style)) return std::nullopt;
  return ids;
}

// The arrival times, where both came in as many pieces. own: the files' "recshim".
void keep_times(const Json& old, Json& made) {
  const Json none = Json::array();
  const Json kept = old.at("response").value("boundaries", none);
  Json boundaries = made.at("response").value("boundaries", none);
  if (kept.size() != boundaries.size()) return;
  for (size_t i = 0; i < kept.size(); ++i) boundaries[i].at(1) = kept[i].at(1);
  made.at("timing") = old.at("timing");
  if (!boundaries.empty()) made.at("response").at("boundaries") = std::move(boundaries);
}

// The padding of a stream's chunks where it is as long and makes the wire's bytes.
void keep_padding(const Json& old, Json& made) {
  const Json& note = made.at("recshim").at("body");
  const Json& kept = old.at("response").at("body");
  Json& chunks = made.at("response").at("body");
  if (!is_dialects(made) || note.contains("encoded") || note.contains("exact") ||
      !kept.is_array() || !chunks.is_array() || kept.size() != chunks.size()) {
    return;
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    const std::string before = text_of(unwrap(kept[i]), "obfuscation");
    Json& chunk = chunks[i].contains("__data__") ? chunks[i]["__data__"] : chunks[i];
    if (!before.empty() && text_of(chunk, "obfuscation").size() == before.size()) {
      chunk["obfuscation"] = before;
    }
  }
}

}  // namespace

std::optional<ServerIds> same_but_for_ids(const Recording& a, const Recording& b,
                                          const std::vector<std::string>& volatile_headers,
                                          const ServerIds& known) {
  try {
    return compare(a, b, volatile_headers, known);
  } catch (const std::exception&) {  // nlohmann: a file edited by hand
    return std::nullopt;
  } catch (const ShapeError&) {
    return std::nullopt;
  }
}

bool same_but_for_volatile(const Recording& a, const Recording& b,
                           const std::vector<std::string>& volatile_headers) {
  return same_but_for_ids(a, b, volatile_headers, {}).has_value();
}

void keep_volatile(const Recording& old, Recording& made) {
  try {
    keep_times(old.json.at("recshim"), made.json.at("recshim"));
    keep_padding(old.json, made.json);
  } catch (const std::exception&) {  // nlohmann: the old file has none of it
  }
}

}  // namespace recshim::store
