// A value of the process that is made at its first use and never destroyed: hooks run until
// the very end, in destructors of the program too.
//
// Not a static of C++ behind a guard variable: a host built with ThreadSanitizer knows what
// pthread_once orders and nothing of our guards, so it would call it a race when a thread
// locks a mutex that another has made.
#pragma once

#include <pthread.h>

namespace recshim {

// make: a lambda without captures that returns a T* of operator new; called once for each
// place in the source that names one. Threads: any. Not in a signal handler that interrupts
// the making.
template <auto make>
auto& lasting() {
  static constinit decltype(make()) value = nullptr;
  static constinit pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, [] { value = make(); });
  return *value;
}

}  // namespace recshim
