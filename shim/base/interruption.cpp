// See interruption.h.
#include "shim/base/interruption.h"

#include <atomic>

namespace recshim {
namespace {

std::atomic<bool (*)()> current{nullptr};

}  // namespace

void set_interruption_check(bool (*check)()) {
  current.store(check);
}

bool interrupted() {
  bool (*const check)() = current.load();
  return check != nullptr && check();
}

}  // namespace recshim
