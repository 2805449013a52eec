// The kernel's side of a supervised program: the calls it asks about, and the answers.
// Knows nothing of what is decided.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace recshim::supervisor {

// One call that waits for its answer.
struct Notification {
  uint64_t id = 0;
  pid_t thread = 0;  // the thread's id, in this process's pid namespace
  seccomp_data data{};
};

// A seccomp listener. Owns the descriptor. Threads: one at a time.
class Listener {
 public:
  explicit Listener(int fd) : fd_(fd) {}
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] int fd() const { return fd_; }

  // nullopt when the call was interrupted meanwhile.
  [[nodiscard]] std::optional<Notification> receive() const;
  // False when the thread has gone or does something else by now: what was read of it may
  // have been another's.
  [[nodiscard]] bool is_valid(const Notification& call) const;

  // The call goes on as if nobody had asked.
  void let_go_on(const Notification& call) const;
  // error 0: it returns value.
  void answer(const Notification& call, int error, int64_t value = 0) const;
  // Puts a copy of fd in the place of the program's descriptor target_fd.
  [[nodiscard]] bool replace_descriptor(const Notification& call, int fd, int target_fd,
                                        bool close_on_exec) const;

 private:
  int fd_;
};

}  // namespace recshim::supervisor
