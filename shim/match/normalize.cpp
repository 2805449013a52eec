// See normalize.h.
#include "shim/match/normalize.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <exception>
#include <optional>

#include "shim/base/base64.h"
#include "shim/base/sha256.h"

namespace recshim::match {
namespace {

constexpr size_t kIdHashDigits = 12;
constexpr size_t kDigestDigits = 8;
constexpr std::array kDurations = {"total_duration", "load_duration", "prompt_eval_duration",
                                   "eval_duration"};

bool is_same(const Json& a, const Json& b) {
  // 0 and 0.0 are equal and written differently.
  return a.is_number_float() == b.is_number_float() && a == b;
}

void replace(Normalized& out, const std::string& name, Json value) {
  const auto found = out.json.find(name);
  if (found == out.json.end() || is_same(*found, value)) return;
  out.originals["/" + name] = std::move(*found);
  *found = std::move(value);
}

// Little-endian 32-bit floats as base64, as the numbers that the SDK makes of them.
std::optional<Json> decoded_floats(const Json& text) {
  if (!text.is_string()) return std::nullopt;
  const auto bytes = from_base64(text.get_ref<const std::string&>());
  if (!bytes || bytes->size() % sizeof(float) != 0) return std::nullopt;
  Json out = Json::array();
  for (size_t at = 0; at < bytes->size(); at += sizeof(float)) {
    uint32_t bits = 0;
    for (size_t i = sizeof(float); i > 0; --i) {
      bits = bits << 8 | static_cast<unsigned char>((*bytes)[at + i - 1]);
    }
    out.push_back(static_cast<double>(std::bit_cast<float>(bits)));
  }
  return out;
}

void decode_embeddings(Normalized& out) {
  const auto data = out.json.find("data");
  if (data == out.json.end() || !data->is_array()) return;
  for (size_t i = 0; i < data->size(); ++i) {
    Json& entry = (*data)[i];
    if (!entry.is_object() || !entry.contains("embedding")) continue;
    auto floats = decoded_floats(entry["embedding"]);
    if (!floats) continue;
    out.originals["/data/" + std::to_string(i) + "/embedding"] = std::move(entry["embedding"]);
    entry["embedding"] = std::move(*floats);
  }
}

const Json* identifier(const Json& entry) {
  if (!entry.is_object()) return nullptr;
  if (const auto data = entry.find("__data__"); data != entry.end()) return identifier(*data);
  for (const char* name : {"id", "model", "name"}) {
    if (const auto id = entry.find(name); id != entry.end() && id->is_string()) return &*id;
  }
  return nullptr;
}

}  // namespace

Normalized normalize_response(Json body, Dialect dialect, std::string_view hash) {
  Normalized out;
  out.json = std::move(body);
  if (dialect == Dialect::kGeneric || !out.json.is_object()) return out;
  const auto object = out.json.find("object");
  if (object != out.json.end() && *object == "model") return out;
  replace(out, "id", "rec-" + std::string(hash.substr(0, kIdHashDigits)));
  replace(out, "created", 0);
  replace(out, "created_at", "1970-01-01T00:00:00.000000Z");
  if (dialect == Dialect::kOpenAi) decode_embeddings(out);
  for (const char* name : kDurations) {
    const auto found = out.json.find(name);
    if (found != out.json.end() && !found->is_null()) replace(out, name, 0);
  }
  return out;
}

void restore_originals(Json& body, const Json& originals) {
  if (!originals.is_object()) return;
  for (const auto& [pointer, value] : originals.get_ref<const Json::object_t&>()) {
    try {
      const Json::json_pointer place(pointer);
      if (body.contains(place)) body.at(place) = value;
    } catch (const std::exception&) {
      // A file edited by hand: what is no pointer changes nothing.
    }
  }
}

std::vector<std::string> model_ids(const Json& list) {
  const Json* entries = &list;
  if (list.is_object()) {
    for (const char* name : {"__data__", "data", "models"}) {
      const auto found = entries->find(name);
      if (found == entries->end()) continue;
      entries = &*found;
      if (!entries->is_object()) break;
    }
  }
  std::vector<std::string> ids;
  if (!entries->is_array()) return ids;
  for (const Json& entry : *entries) {
    if (const Json* id = identifier(entry)) ids.push_back(id->get<std::string>());
  }
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::string model_digest(const std::vector<std::string>& ids) {
  std::string joined;
  for (const std::string& id : ids) {
    if (&id != &ids.front()) joined.push_back('|');
    joined += id;
  }
  return sha256_hex(joined).substr(0, kDigestDigits);
}

}  // namespace recshim::match
