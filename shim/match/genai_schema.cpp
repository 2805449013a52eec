// See genai_schema.h.
#include "shim/match/genai_schema.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace recshim::match {
namespace {

constexpr int kMaxDepth = 100;
// References may name each other again and again.
constexpr int kMaxResolved = 1000;

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

const Json* member(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

bool is_null_type(const Json& schema) {
  const Json* const type = schema.is_object() ? member(schema, "type") : nullptr;
  return type != nullptr && type->is_string() && lower(type->get<std::string>()) == "null";
}

class Plain {
 public:
  explicit Plain(const Json& root) : defs_(root.is_object() ? member(root, "$defs") : nullptr) {}

  Json of(const Json& given, int depth) {
    if (!given.is_object() || depth > kMaxDepth) return given;
    Json schema = given;
    schema.erase("$defs");
    if (const Json* const ref = member(schema, "$ref"); ref != nullptr && ref->is_string()) {
      return resolved(ref->get<std::string>(), std::move(schema), depth);
    }
    without_null(schema);
    if (const Json* const type = member(schema, "type"); type != nullptr && type->is_string()) {
      schema["type"] = lower(type->get<std::string>());
    }
    if (const Json* const value = member(schema, "const");
        value != nullptr && value->is_string() && !schema.contains("enum")) {
      schema["enum"] = Json::array({*value});
      schema.erase("const");
    }
    for (const char* const name : {"anyof", "prefixitems"}) {
      const auto list = schema.find(name);
      if (list == schema.end() || !list->is_array()) continue;
      for (Json& item : *list) item = of(item, depth + 1);
    }
    for (const char* const name : {"items", "additionalproperties"}) {
      if (const auto inner = schema.find(name); inner != schema.end()) {
        *inner = of(*inner, depth + 1);
      }
    }
    const auto properties = schema.find("properties");
    if (properties != schema.end() && properties->is_object()) {
      for (auto& [name, property] : properties->items()) property = of(property, depth + 1);
      if (orders_as_they_stand(schema, *properties)) schema.erase("propertyordering");
    }
    return schema;
  }

 private:
  // The SDK puts what is named in the place of a reference, and nothing where it leads back.
  Json resolved(std::string name, Json schema, int depth) {
    schema.erase("$ref");
    const std::string::size_type at = name.rfind("defs/");
    name = at == std::string::npos ? name : name.substr(at + 5);
    std::string folded;
    for (const char c : lower(name)) {
      if (c != '_') folded += c;
    }
    const bool again = std::find(open_.begin(), open_.end(), folded) != open_.end();
    const Json* const definition =
        defs_ == nullptr || !defs_->is_object() ? nullptr : member(*defs_, folded.c_str());
    if (definition == nullptr || !definition->is_object() || again || ++resolved_ > kMaxResolved) {
      return schema;
    }
    open_.push_back(folded);
    const Json inner = of(*definition, depth + 1);
    open_.pop_back();
    for (const auto& [key, value] : inner.items()) schema[key] = value;
    return schema;
  }

  static void without_null(Json& schema) {
    if (is_null_type(schema)) {
      schema["nullable"] = true;
      schema.erase("type");
      return;
    }
    const auto list = schema.find("anyof");
    if (list == schema.end() || !list->is_array()) return;
    Json kept = Json::array();
    for (const Json& item : *list) {
      if (!is_null_type(item)) kept.push_back(item);
    }
    if (kept.size() == list->size()) return;
    if (kept.size() == 1 && kept[0].is_object()) {
      schema.erase("anyof");
      for (const auto& [key, value] : kept[0].items()) schema[key] = value;
    } else {
      *list = std::move(kept);
    }
    schema["nullable"] = true;
  }

  static bool orders_as_they_stand(const Json& schema, const Json& properties) {
    const Json* const order = member(schema, "propertyordering");
    if (order == nullptr || !order->is_array() || order->size() != properties.size()) return false;
    size_t i = 0;
    for (const auto& [name, property] : properties.items()) {
      const Json& given = (*order)[i++];
      if (!given.is_string()) return false;
      std::string folded;
      for (const char c : lower(given.get<std::string>())) {
        if (c != '_') folded += c;
      }
      if (folded != name && given != name) return false;
    }
    return true;
  }

  const Json* defs_;
  std::vector<std::string> open_;  // references that are being resolved
  int resolved_ = 0;
};

}  // namespace

Json plain_schema(const Json& schema) {
  return Plain(schema).of(schema, 0);
}

}  // namespace recshim::match
