// The wrapper's half of supervision: a program puts itself under the session's supervisor.
#pragma once

#include <string>

#include "shim/base/result.h"
#include "tools/supervisor/filter.h"

namespace recshim::supervisor {

enum class Joined {
  kNow,      // the filter is installed and the supervisor has its listener
  kAlready,  // the supervisor asked for answers for this process already
  kForeign   // another supervisor's filter is in force, which lets no second one in
};

// Puts this thread and what it executes under the supervisor that listens at socket_path.
// After an error nothing has changed, or (kIo) the process is under a filter that nobody
// answers and must end. REQUIRES: this process has one thread.
// Errors: kNotFound: no supervisor; kUnsupported: no filters here; kIo.
Result<Joined> join_supervisor(const std::string& socket_path, const std::string& session_dir,
                               const FilterOptions& options);

// Whether the supervisor of this session answers this process's connects already.
bool is_supervised(const std::string& session_dir);

}  // namespace recshim::supervisor
