// Recording files as the commands see them: finding them under a folder, by path or by
// the start of a name, and what their JSON says in a line. Reads only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/match/request_key.h"
#include "shim/store/recording.h"

namespace recshim::tools {

// Every `*.json` under dir at any depth that programs would look at, but recshim.json, sorted.
// passed_over: what is not looked at for what it is. Errors: kNotFound, kIo.
struct PassedOver {
  std::string path;
  std::string reason;
};
Result<std::vector<std::string>> recording_files(const std::string& dir,
                                                 std::vector<PassedOver>* passed_over = nullptr);

Result<store::Recording> load_recording(const std::string& path);

// The response side, `.body` beside path included. was_edited: as store::to_exchange has it.
Result<http::Exchange> load_exchange(const store::Recording& recording, const std::string& path,
                                     bool* was_edited = nullptr);

// text: a path, or the start (8 characters at least) of a hash among dir's names.
// Errors: kNotFound; kInvalid when several recordings start so, naming them.
Result<std::string> find_recording(const std::string& dir, const std::string& text);

struct Described {
  std::string method;
  std::string url;
  std::string test_id;  // empty for none
  int status = 0;       // 0 when the file does not say
  bool streaming = false;
  std::string body_file;  // name of the `.body`, or empty
};
Described describe(const store::Recording& recording);

// The 64 hex digits that a recording's file name holds, or "" when it holds none.
std::string hash_in_name(const std::string& path);

// The name of path seen from dir.
std::string shown_path(const std::string& path, const std::string& dir);

// The hash that names a recording's own request under options, or nullopt when the file
// holds no HTTP request.
std::optional<std::string> recorded_key(const store::Recording& recording,
                                        const match::MatchOptions& options);

}  // namespace recshim::tools
