// See tally.h.
#include "shim/control/tally.h"

#include <algorithm>
#include <sstream>

#include "shim/base/log.h"
#include "shim/base/sys.h"

namespace recshim::control {
namespace {

constexpr size_t kBorrowed = kOutcomes.size();
constexpr size_t kProblems = kBorrowed + 1;
constexpr size_t kUnderWay = kProblems + 1;
constexpr size_t kHttp2Connections = kUnderWay + 1;
constexpr size_t kMaxTextBytes = 1000;
constexpr const char* kUnreachedName = "/unreached";

size_t index_of(Outcome outcome) {
  return static_cast<size_t>(std::find(kOutcomes.begin(), kOutcomes.end(), outcome) -
                             kOutcomes.begin());
}

SessionMemory::Name problem_name() {
  return {"problem", ""};
}

void shorten(std::string& text) {
  if (text.size() > kMaxTextBytes) text.replace(kMaxTextBytes, std::string::npos, "...");
}

JournalLine shortened(JournalLine line) {
  shorten(line.url);
  shorten(line.detail);
  shorten(line.file);
  if (line.test_id) shorten(*line.test_id);
  return line;
}

void add_line(const JournalLine& line, Tally& tally) {
  ++tally.outcomes[index_of(line.outcome)];
  if (line.outcome == Outcome::kHit && line.borrowed) ++tally.borrowed;
  if (!is_problem(line.outcome)) return;
  ++tally.problems_counted;
  if (tally.problems.size() < kMaxProblems) tally.problems.push_back(line);
}

}  // namespace

void account(Env& env, SessionMemory& memory, const std::string& journal_path,
             const std::string& session_dir, const JournalLine& line) {
  if (memory.reachable()) {
    memory.count(index_of(line.outcome));
    if (line.outcome == Outcome::kHit && line.borrowed) memory.count(kBorrowed);
    if (is_problem(line.outcome)) {
      memory.count(kProblems);
      if (memory.counter(kProblems) <= kMaxProblems) {
        const Status kept = memory.append(problem_name(), to_json_line(shortened(line)));
        if (!kept) log::error("summary: {}", kept.error().message);
      }
    }
  } else if (!session_dir.empty()) {
    Status noted = env.make_dirs(session_dir, 0700);
    if (noted) noted = env.append(session_dir + kUnreachedName, to_json_line(line));
    if (!noted) log::error("summary: {}", noted.error().message);
  }
  if (journal_path.empty()) return;
  const Status appended = env.append(journal_path, to_json_line(line));
  if (!appended) log::error("journal: {}", appended.error().message);
}

uint64_t Tally::count(Outcome outcome) const {
  return outcomes[index_of(outcome)];
}

void account_http2(SessionMemory& memory) {
  memory.count(kHttp2Connections);
}

Result<Tally> tally_of(const SessionMemory& memory) {
  if (const Status reached = memory.reachable(); !reached) return reached.error();
  Tally tally;
  for (size_t i = 0; i < tally.outcomes.size(); ++i) tally.outcomes[i] = memory.counter(i);
  tally.borrowed = memory.counter(kBorrowed);
  tally.problems_counted = memory.counter(kProblems);
  tally.http2_connections = memory.counter(kHttp2Connections);
  const auto texts = memory.values(problem_name());
  if (!texts) return texts.error();
  for (const auto& text : *texts) {
    if (auto line = parse_journal_line(text)) tally.problems.push_back(std::move(*line));
  }
  return tally;
}

Tally difference(Tally now, const Tally& before) {
  for (size_t i = 0; i < now.outcomes.size(); ++i) now.outcomes[i] -= before.outcomes[i];
  now.borrowed -= before.borrowed;
  now.problems_counted -= before.problems_counted;
  now.http2_connections -= before.http2_connections;
  const size_t known = std::min(before.problems.size(), now.problems.size());
  now.problems.erase(now.problems.begin(), now.problems.begin() + static_cast<ptrdiff_t>(known));
  return now;
}

void add(Outcome outcome, const std::string& detail, Tally& tally) {
  JournalLine line;
  line.outcome = outcome;
  line.detail = detail;
  add_line(line, tally);
}

void add_unreached(Env& env, const std::string& session_dir, Tally& tally) {
  const std::string path = session_dir + kUnreachedName;
  const auto text = env.read_file(path);
  if (!text) return;
  std::istringstream lines(*text);
  for (std::string each; std::getline(lines, each);) {
    if (const auto line = parse_journal_line(each)) add_line(*line, tally);
  }
  (void)env.remove(path);
}

UnderWay::UnderWay(std::shared_ptr<SessionMemory> memory)
    : memory_(std::move(memory)), process_(sys::getpid()) {
  memory_->count(kUnderWay);
}

UnderWay::~UnderWay() {
  if (process_ == sys::getpid()) memory_->count(kUnderWay, -1);
}

uint64_t under_way(const SessionMemory& memory) {
  return memory.counter(kUnderWay);
}

}  // namespace recshim::control
