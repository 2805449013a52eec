// Wrapping, normalising and restoring entries. See originals.h.
#include "shim/store/originals.h"

#include <algorithm>

#include "shim/match/normalize.h"

namespace recshim::store {

using Pointer = Json::json_pointer;

Json wrap(const std::optional<std::string>& type, Json data) {
  if (!type) return data;
  Json out = Json::object();
  out["__type__"] = *type;
  out["__data__"] = std::move(data);
  return out;
}

const Json& unwrap(const Json& entry) {
  if (entry.is_object() && entry.size() == 2 && entry.contains("__type__")) {
    const auto data = entry.find("__data__");
    if (data != entry.end()) return *data;
  }
  return entry;
}

namespace {

// Whether current is what normalisation puts in the original's place, and nobody's edit.
bool is_placeholder(const Json& current, const Json& original, const Pointer& pointer) {
  const std::string name = pointer.to_string();
  if (current.is_array() && original.is_string()) {  // an embedding
    Json response = Json::object();
    response["data"] = Json::array({Json::object()});
    response["data"][0]["embedding"] = original;
    const auto normalised =
        match::normalize_response(std::move(response), match::Dialect::kOpenAi, "");
    return normalised.json["data"][0]["embedding"] == current;
  }
  if (name == "/id") {
    return current.is_string() && current.get_ref<const std::string&>().starts_with("rec-");
  }
  if (name == "/created_at") return current == "1970-01-01T00:00:00.000000Z";
  return !current.is_number() || current == 0;
}

}  // namespace

Restorer::Restorer(const Json& originals, const Json& by_chunk) {
  add(originals, false, "/recshim/originals");
  add(by_chunk, true, "/recshim/originals_by_chunk");
}

void Restorer::apply(Json& data) {
  for (auto& item : items_) {
    if (!data.contains(item.pointer)) continue;
    if (item.each && item.next >= item.value->size()) continue;
    const Json& original = item.each ? (*item.value)[item.next++] : *item.value;
    Json& current = data[item.pointer];
    if (is_placeholder(current, original, item.pointer)) current = original;
  }
}

void Restorer::add(const Json& values, bool each, const std::string& path) {
  if (values.is_null()) return;
  if (!values.is_object()) throw ShapeError{path, "must be an object"};
  for (auto it = values.begin(); it != values.end(); ++it) {
    if (each && !it->is_array()) throw ShapeError{path + "/" + it.key(), "must be a list"};
    try {
      items_.push_back({Pointer(it.key()), &*it, each});
    } catch (const std::exception&) {
      throw ShapeError{path, "has a key that is no JSON pointer: " + it.key()};
    }
  }
}

Json Normaliser::take(Json data) {
  if (dialect_ == match::Dialect::kGeneric) return data;
  auto normalised = match::normalize_response(data, dialect_, hash_);
  before_.push_back(std::move(data));
  for (auto it = normalised.originals.begin(); it != normalised.originals.end(); ++it) {
    if (std::find(pointers_.begin(), pointers_.end(), it.key()) == pointers_.end()) {
      pointers_.push_back(it.key());
    }
  }
  return std::move(normalised.json);
}

void Normaliser::store_into(Json& originals, Json& by_chunk) const {
  for (const auto& name : pointers_) {
    const Pointer pointer(name);
    Json values = Json::array();
    for (const auto& data : before_) {
      if (data.contains(pointer)) values.push_back(data[pointer]);
    }
    const bool same = std::all_of(values.begin(), values.end(), [&](const Json& value) {
      return value.type() == values[0].type() && value == values[0];
    });
    if (same) {
      originals[name] = values[0];
    } else {
      by_chunk[name] = std::move(values);
    }
  }
}

}  // namespace recshim::store
