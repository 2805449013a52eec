// Stacks of our own for the work that needs room: reading, matching and writing recordings takes
// more than the 16 KiB (PTHREAD_STACK_MIN) that a thread of the program may have.
#pragma once

#include <exception>

namespace recshim::runtime {

// work(argument) on a stack of ours; on the caller's where there is no memory for one.
void run_on_own_stack(void (*work)(void*) noexcept, void* argument);

// work() on a stack of ours; what it throws is thrown. Threads: any.
// REQUIRES: OwnWork, so that nothing else unwinds or jumps out of it.
template <typename Work>
void on_own_stack(Work work) {
  struct Call {
    Work& work;
    std::exception_ptr thrown;
  } call{work, nullptr};
  run_on_own_stack(
      [](void* argument) noexcept {
        auto* self = static_cast<Call*>(argument);
        try {
          self->work();
        } catch (...) {
          self->thrown = std::current_exception();
        }
      },
      &call);
  if (call.thrown) std::rethrow_exception(call.thrown);
}

}  // namespace recshim::runtime
