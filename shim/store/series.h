// Names of recording files and the order of a series. Pure text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "shim/http/message.h"
#include "shim/store/recording.h"

namespace recshim::store {

// One series: the files dir/stem.json, stem-2.json … and stem-error.json, stem-error-2.json …
struct Series {
  std::string dir;   // absolute
  std::string stem;  // hash, with what tells hosts, model sets and early answers apart
  bool operator==(const Series&) const = default;
};

// number: from 1, counted among the final or among the error files.
std::string series_path(const Series& series, bool error, int number);
// The file's name without its folder and ".json".
std::string series_name(const Series& series, bool error, int number);

// 8 hex digits that stand for a host in names.
std::string host_tag(const std::string& host);

// "tests/a/test_x.py::test_y" → "tests/a/recordings"; "recordings" for a file at the top;
// nullopt for no test id, or one that would lead out of the folder.
std::optional<std::string> test_folder(const std::optional<std::string>& test_id);

// True for answers that a client is to retry or that were cut off: 408, 409, 429, 5xx.
bool is_error(const http::Exchange& exchange);

}  // namespace recshim::store
