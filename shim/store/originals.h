// Entries of response.body: their wrapping in the SDK's class, and the values that
// normalisation replaces and replay puts back. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/match/request_key.h"
#include "shim/store/json_bytes.h"

namespace recshim::store {

// {"__type__": type, "__data__": data}, or data where the SDK has no class.
Json wrap(const std::optional<std::string>& type, Json data);
// What is wrapped, or the entry itself.
const Json& unwrap(const Json& entry);

// Puts the originals back, entry after entry.
class Restorer {
 public:
  // originals, by_chunk: borrowed; null for none. Throws ShapeError.
  Restorer(const Json& originals, const Json& by_chunk);
  void apply(Json& data);

 private:
  struct Item {
    Json::json_pointer pointer;
    const Json* value;
    bool each;
    size_t next = 0;
  };
  void add(const Json& values, bool each, const std::string& path);
  std::vector<Item> items_;
};

// Normalises entries and gathers what was replaced, once where every entry agrees.
class Normaliser {
 public:
  Normaliser(match::Dialect dialect, std::string hash)
      : dialect_(dialect), hash_(std::move(hash)) {}

  Json take(Json data);
  void store_into(Json& originals, Json& by_chunk) const;

 private:
  const match::Dialect dialect_;
  const std::string hash_;
  std::vector<Json> before_;
  std::vector<std::string> pointers_;
};

}  // namespace recshim::store
