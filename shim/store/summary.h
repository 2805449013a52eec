// What the index needs of a recording file, read without making values of its bodies.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/match/request_key.h"
#include "shim/match/sketch.h"

namespace recshim::store {

struct Summary {
  std::string content;  // match::content_hash without the test id
  std::optional<std::string> test_id;
  std::string phase;
  std::string method;
  std::string path;  // of the request's url, without its query
  std::string host;
  int repeat = 1;
  bool from_recshim = false;
  match::Sketch sketch;  // of its request
};

// nullopt for what is no recording of an HTTP exchange, or one that answers only before
// its request's body (those are found by name alone). Scans at memory speed; only
// "test_id", "request" and the small part of "recshim" are parsed.
std::optional<Summary> summarise(std::string_view text, const match::MatchOptions& options);

// The "request" object of a recording's text alone; nullopt when there is none.
std::optional<match::Json> request_in(std::string_view text);

}  // namespace recshim::store
