// The mutex of everything that is preloaded, whole over fork(2).
//
// A child has only the thread that forked: a mutex that another thread held stays locked in it for
// ever, and what it guards may be half changed. So a fork takes every ForkMutex first. Each
// registers itself, so that none can be forgotten; scripts/check-fork-safety.sh forbids the others.
//
// Children of vfork(2) share their parent's memory and threads: no handler runs for them, and the
// mutexes work as between threads.
#pragma once

#include <pthread.h>

#include <cstdint>

namespace recshim {

// The order in which they nest, the first ones outermost: a thread takes only mutexes that stand
// behind all those it holds (checked in builds with assertions), and fork(2) takes them so.
enum class LockRank : uint8_t {
  kTlsSessions,
  kTlsTapped,
  kSocketPool,
  kSocket,
  kHelperThread,
  kHellos,
  kBeginnings,
  kTaps,
  kTap,
  kTestId,
  kAddresses,
  kLookups,
  kStore,
  kStreams,
  kStacks,
  kCount
};

// Meets BasicLockable. Threads: any; may be made and destroyed while another thread forks.
class ForkMutex {
 public:
  explicit ForkMutex(LockRank rank);
  ~ForkMutex();
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;

  void lock();
  void unlock();

 private:
  friend class ForkMutexes;

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  const LockRank rank_;
  bool held_by_fork_ = false;
  ForkMutex* next_ = nullptr;  // of the same rank, in the order they were made
  ForkMutex* previous_ = nullptr;
};

// For pthread_atfork(3): in prepare; in parent; in child.
// REQUIRES: no ForkMutex is made or destroyed between the first and the second or third.
void lock_all_for_fork();
void unlock_all_in_parent();
void unlock_all_in_child();

}  // namespace recshim
