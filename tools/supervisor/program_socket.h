// A supervised program's socket, as far as the system lets us at it: a copy of it, or what proc(5)
// tells of it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "shim/base/result.h"

namespace recshim::supervisor {

// Owns the copy. Threads: const after it was made.
class ProgramSocket {
 public:
  // number: the descriptor in the process. Errors: as take_descriptor(), where there is neither.
  static Result<std::shared_ptr<const ProgramSocket>> look_at(pid_t process, int number);
  ~ProgramSocket();
  ProgramSocket(const ProgramSocket&) = delete;
  ProgramSocket& operator=(const ProgramSocket&) = delete;

  // -1 where the system keeps it from us (pidfd_getfd(2) in a container by default).
  [[nodiscard]] int copy() const { return copy_; }
  // SOCK_STREAM or SOCK_DGRAM of the Internet's protocols, or 0.
  [[nodiscard]] int type() const { return type_; }
  // Of socket(2).
  [[nodiscard]] int protocol() const { return protocol_; }
  // Connected, connecting or listening.
  [[nodiscard]] bool is_in_use() const;
  // It reaches what this process's sockets do.
  [[nodiscard]] bool is_in_our_network() const;
  // Of a TCP socket that is in use; else 0.
  [[nodiscard]] uint16_t local_port() const;

 private:
  ProgramSocket(pid_t process, int copy) : process_(process), copy_(copy) {}
  bool look_by_proc(int number);

  const pid_t process_;
  const int copy_;
  int type_ = 0;
  int protocol_ = 0;
  uint64_t inode_ = 0;
};

}  // namespace recshim::supervisor
