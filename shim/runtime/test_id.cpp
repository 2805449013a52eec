// See test_id.h.
#include "shim/runtime/test_id.h"

#include <cstdlib>
#include <cstring>
#include <mutex>

#include "shim/base/env.h"
#include "shim/base/fork_mutex.h"
#include "shim/base/lasting.h"
#include "shim/runtime/gateway.h"
#include "shim/runtime/guard.h"

namespace recshim::runtime {
namespace {

struct Copy {
  ForkMutex mutex{LockRank::kTestId};
  std::optional<std::string> test_id;
  std::optional<std::string> pytest;
};

Copy& copy() {
  return lasting<[] { return new Copy; }>();
}

std::optional<std::string>* slot(const char* name, size_t length) {
  auto is = [&](const char* wanted) {
    return std::strlen(wanted) == length && std::memcmp(name, wanted, length) == 0;
  };
  if (is("RECSHIM_TEST_ID")) return &copy().test_id;
  if (is("PYTEST_CURRENT_TEST")) return &copy().pytest;
  return nullptr;
}

std::optional<std::string> non_empty(const char* value) {
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

// "path::test (call)" → test id and phase.
void split_pytest(const std::string& value, flow::RecordConnection::Stamp& stamp) {
  const size_t space = value.rfind(" (");
  if (space == std::string::npos || value.back() != ')') {
    stamp.test_id = value;
    return;
  }
  stamp.test_id = value.substr(0, space);
  stamp.phase = value.substr(space + 2, value.size() - space - 3);
}

}  // namespace

void load_test_id() {
  const std::lock_guard lock(copy().mutex);
  copy().test_id = non_empty(std::getenv("RECSHIM_TEST_ID"));
  copy().pytest = non_empty(std::getenv("PYTEST_CURRENT_TEST"));
}

void note_variable(const char* name, const char* value) {
  if (name == nullptr || (name[0] != 'R' && name[0] != 'P')) return;
  const char* equals = std::strchr(name, '=');
  const size_t length = equals != nullptr ? static_cast<size_t>(equals - name) : std::strlen(name);
  auto* target = slot(name, length);
  if (target == nullptr) return;
  const OwnWork work;
  {
    const std::lock_guard lock(copy().mutex);
    *target = non_empty(value);
  }
  share_test_id();
}

void note_environment_cleared() {
  const OwnWork work;
  {
    const std::lock_guard lock(copy().mutex);
    copy().test_id.reset();
    copy().pytest.reset();
  }
  share_test_id();
}

flow::RecordConnection::Stamp current_stamp() {
  flow::RecordConnection::Stamp stamp;
  stamp.wall_us = posix_env().wall_time_us();
  const std::lock_guard lock(copy().mutex);
  if (copy().pytest) split_pytest(*copy().pytest, stamp);
  if (copy().test_id) stamp.test_id = *copy().test_id;
  return stamp;
}

}  // namespace recshim::runtime
