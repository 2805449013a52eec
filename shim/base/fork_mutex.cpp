// See fork_mutex.h.
#include "shim/base/fork_mutex.h"

#include <sched.h>

#include <array>
#include <cassert>
#include <utility>

namespace recshim {
namespace {

constexpr size_t kRanks = static_cast<size_t>(LockRank::kCount);

#ifndef NDEBUG
static_assert(kRanks <= 32);
thread_local uint32_t held_ranks __attribute__((tls_model("initial-exec"))) = 0;

uint32_t bit_of(LockRank rank) {
  return uint32_t{1} << static_cast<unsigned>(rank);
}
#endif

}  // namespace

// All that exist. No mutex is waited for while list_mutex_ is held, so that threads that hold one
// can make and destroy others while a fork waits for it.
class ForkMutexes {
 public:
  void add(ForkMutex& mutex) {
    pthread_mutex_lock(&list_mutex_);
    Ends& ends = of_rank_[static_cast<size_t>(mutex.rank_)];
    mutex.previous_ = ends.last;
    (ends.last != nullptr ? ends.last->next_ : ends.first) = &mutex;
    ends.last = &mutex;
    pthread_mutex_unlock(&list_mutex_);
  }

  void remove(ForkMutex& mutex) {
    pthread_mutex_lock(&list_mutex_);
    // Nobody holds a mutex that is being destroyed, so that the fork goes on at once.
    while (being_taken_ == &mutex) {
      pthread_mutex_unlock(&list_mutex_);
      sched_yield();
      pthread_mutex_lock(&list_mutex_);
    }
    Ends& ends = of_rank_[static_cast<size_t>(mutex.rank_)];
    (mutex.previous_ != nullptr ? mutex.previous_->next_ : ends.first) = mutex.next_;
    (mutex.next_ != nullptr ? mutex.next_->previous_ : ends.last) = mutex.previous_;
    pthread_mutex_unlock(&list_mutex_);
  }

  void lock_all() {
    pthread_mutex_lock(&forking_);
    pthread_mutex_lock(&list_mutex_);
    for (const Ends& ends : of_rank_) {
      for (ForkMutex* each = ends.first; each != nullptr; each = each->next_) {
        being_taken_ = each;
        pthread_mutex_unlock(&list_mutex_);
        pthread_mutex_lock(&each->mutex_);
        pthread_mutex_lock(&list_mutex_);
        each->held_by_fork_ = true;
      }
    }
    being_taken_ = nullptr;
  }

  // fresh: in the child. A mutex that was made too late for lock_all() may be held there by a
  // thread that is not; nothing that the child can reach hangs on it yet.
  void unlock_all(bool fresh) {
    for (const Ends& ends : of_rank_) {
      for (ForkMutex* each = ends.first; each != nullptr; each = each->next_) {
        if (std::exchange(each->held_by_fork_, false)) {
          pthread_mutex_unlock(&each->mutex_);
        } else if (fresh) {
          pthread_mutex_init(&each->mutex_, nullptr);
        }
      }
    }
    pthread_mutex_unlock(&list_mutex_);
    pthread_mutex_unlock(&forking_);
  }

 private:
  struct Ends {
    ForkMutex* first = nullptr;
    ForkMutex* last = nullptr;
  };

  pthread_mutex_t forking_ = PTHREAD_MUTEX_INITIALIZER;  // one fork at a time
  pthread_mutex_t list_mutex_ = PTHREAD_MUTEX_INITIALIZER;
  std::array<Ends, kRanks> of_rank_{};
  const ForkMutex* being_taken_ = nullptr;
};

namespace {
constinit ForkMutexes mutexes;
}  // namespace

ForkMutex::ForkMutex(LockRank rank) : rank_(rank) {
  mutexes.add(*this);
}

ForkMutex::~ForkMutex() {
  mutexes.remove(*this);
  pthread_mutex_destroy(&mutex_);
}

void ForkMutex::lock() {
#ifndef NDEBUG
  assert(held_ranks < bit_of(rank_));
  held_ranks |= bit_of(rank_);
#endif
  pthread_mutex_lock(&mutex_);
}

void ForkMutex::unlock() {
  pthread_mutex_unlock(&mutex_);
#ifndef NDEBUG
  held_ranks &= ~bit_of(rank_);
#endif
}

void lock_all_for_fork() {
  mutexes.lock_all();
}
void unlock_all_in_parent() {
  mutexes.unlock_all(false);
}
void unlock_all_in_child() {
  mutexes.unlock_all(true);
}

}  // namespace recshim
