// The test that a process is in, where its gateway can read it: connections that were handed
// over outlive the test they were made in. A value of the session's memory for each process that
// has handed one over.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "shim/base/session_memory.h"

namespace recshim::control {

struct TestStamp {
  std::optional<std::string> test_id;
  std::string phase;  // "setup", "call", "teardown" or ""
  bool operator==(const TestStamp&) const = default;
};

// In place, as seen from other processes, when this returns.
Status write_stamp(SessionMemory& memory, pid_t pid, const TestStamp& stamp);
// nullopt: the process has written none.
std::optional<TestStamp> read_stamp(const SessionMemory& memory, pid_t pid);

}  // namespace recshim::control
