// What became of a session's exchanges, counted in the session's memory: the summary of
// `recshim run` and its --strict go by it.
//
// Counters, by their index: 0 hits, 1 misses, 2 recorded, 3 unchanged, 4 passed, 5 lost, 6 refused,
// 7 unrecorded; 8 hits that were borrowed; 9 problems, of which the first kMaxProblems are kept as
// values named "problem": lines of a journal, shortened; 10 exchanges under way;
// 11 connections that spoke HTTP/2.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/env.h"
#include "shim/base/session_memory.h"
#include "shim/control/journal.h"

namespace recshim::control {

inline constexpr uint64_t kMaxProblems = 1000;

// Counts line, and appends it to the journal unless its path is empty. Where the session's memory
// can't be reached, the line goes into session_dir, in the hope that `recshim run` sees it there.
// Failures go to the log. Threads: any.
void account(Env& env, SessionMemory& memory, const std::string& journal_path,
             const std::string& session_dir, const JournalLine& line);

// Counts a connection that speaks HTTP/2. Threads: any.
void account_http2(SessionMemory& memory);

struct Tally {
  std::array<uint64_t, kOutcomes.size()> outcomes{};  // by kOutcomes
  uint64_t borrowed = 0;                              // of the hits
  std::vector<JournalLine> problems;                  // missed, lost, unrecorded and refused
  uint64_t problems_counted = 0;                      // with those that were not kept
  uint64_t http2_connections = 0;

  [[nodiscard]] uint64_t count(Outcome outcome) const;
};
// Errors: the memory can't be read.
Result<Tally> tally_of(const SessionMemory& memory);
// What was counted since `before`.
Tally difference(Tally now, const Tally& before);
// One more, of which nothing but detail is known.
void add(Outcome outcome, const std::string& detail, Tally& tally);
// What account() has put into a session's folder, added; the file is removed.
void add_unreached(Env& env, const std::string& session_dir, Tally& tally);

// A request that was taken up and whose line is still to come: counted as long as this lives. What
// a process had taken up that was killed stays counted. A copy that a child of fork(2) has counts
// for nothing.
class UnderWay {
 public:
  explicit UnderWay(std::shared_ptr<SessionMemory> memory);
  ~UnderWay();
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

 private:
  const std::shared_ptr<SessionMemory> memory_;
  const pid_t process_;
};
uint64_t under_way(const SessionMemory& memory);

}  // namespace recshim::control
