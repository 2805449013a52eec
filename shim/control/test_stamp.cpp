// See test_stamp.h. "-" or "+" and the test's name, and before either the phase and a line's end.
#include "shim/control/test_stamp.h"

namespace recshim::control {
namespace {

SessionMemory::Name name_of(pid_t pid) {
  return {"test", std::to_string(pid)};
}

}  // namespace

Status write_stamp(SessionMemory& memory, pid_t pid, const TestStamp& stamp) {
  if (read_stamp(memory, pid) == stamp) return {};
  return memory.append(name_of(pid),
                       stamp.phase + "\n" + (stamp.test_id ? "+" + *stamp.test_id : "-"));
}

std::optional<TestStamp> read_stamp(const SessionMemory& memory, pid_t pid) {
  const auto value = memory.newest(name_of(pid));
  if (!value || !*value) return std::nullopt;
  const std::string& text = **value;
  const size_t end = text.find('\n');
  if (end == std::string::npos || end + 1 >= text.size()) return std::nullopt;
  TestStamp stamp;
  stamp.phase = text.substr(0, end);
  if (text[end + 1] == '+') stamp.test_id = text.substr(end + 2);
  return stamp;
}

}  // namespace recshim::control
