// The folder of recordings: finds the recording that answers a request, and writes
// what was recorded. Owns names, series, session counters and the content index; does
// not know connections, modes or programs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/result.h"
#include "shim/base/session_memory.h"
#include "shim/http/message.h"
#include "shim/match/options.h"

namespace recshim::store {

enum class Layout { kFlat, kByTest };

// Request ids, limits that count down, and what measures a server's time, as LLM and cloud
// APIs send them.
std::vector<std::string> default_volatile_headers();

struct StoreOptions {
  std::string dir;          // absolute; made when first written
  std::string session_dir;  // absolute; for what a recording displaces, made (0700) when first used
  // Shared by the processes of the session. Null: a store that is used without a session has its
  // own.
  std::shared_ptr<SessionMemory> memory = nullptr;
  std::string cache_dir;  // absolute; where the content index is kept
  Layout layout = Layout::kFlat;
  bool record_errors = true;   // write 408, 409, 429, 5xx and truncated streams
  bool keep_existing = false;  // never touch a recording that exists when a new one comes
  // Lower case, beside Date; ignored when comparing with the old file. "x-*" is a prefix.
  std::vector<std::string> volatile_headers = default_volatile_headers();
  uint64_t inline_body_limit_bytes = uint64_t{1} << 20;  // above: `<name>.body`
  match::MatchOptions match;
};

struct Saved {
  std::string path;
  std::string hash;
  int repeat = 1;
  enum class Kind { kWritten, kUnchanged, kSkipped } kind = Kind::kWritten;
};

struct Found {
  http::Exchange exchange;  // response side, as it is to reach the program
  std::string path;
  std::string hash;
  int repeat = 1;
  bool borrowed = false;  // found under no test or a setup/teardown phase
};

struct Missing {
  std::string hash;
  std::string request_line;  // "POST https://…/v1/chat/completions"
  std::string diagnosis;     // several lines: request, key, nearest recording, first differences,
                             // how to record it
  std::string summary;       // the one line for stderr
  std::string nearest_path;  // empty when there is none
};

using Lookup = std::variant<Found, Missing>;

// Threads: every method may be called from any thread; calls do not share state but
// under one mutex that is held for memory only, never over a file operation.
// Processes: series are counted in the session's memory; who writes holds a lock on the folder.
class Store {
 public:
  // env: borrowed, must outlive the store. No I/O here.
  Store(Env& env, StoreOptions options);
  ~Store();

  // Gives a request that has just been sent whole its place among the session's equal ones. They
  // are replayed in the order of their places, whatever order their answers came in.
  Status take_place(http::Exchange& exchange);
  // Writes the recording (and `.body`) of a complete or truncated exchange; the file is
  // in place when this returns. exchange's large bodies are moved from. Errors: also where
  // another session has meanwhile replaced what this one had written of the same series.
  Result<Saved> save(http::Exchange& exchange);

  // The recording that answers request (its request side, test_id and phase are read), and
  // steps the session's series for its key. A recording that can't be read is an error
  // naming the file and what is wrong with it.
  Result<Lookup> find(const http::Exchange& request);
  // As find, for a request of which only the head is known, when a recording exists that
  // answered before the body; nullopt otherwise. Steps the series only on a hit.
  Result<std::optional<Found>> find_early(const http::Exchange& request);

  [[nodiscard]] const StoreOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace recshim::store
