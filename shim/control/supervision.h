// The question whether this process's connects are answered by the supervisor of a session: a
// connect(2) to an abstract unix address of the session says kSupervisedErrno then, and nobody
// listens there otherwise.
#pragma once

#include <sys/un.h>

#include <string>

namespace recshim::control {

inline constexpr int kSupervisedErrno = 54;  // EXFULL, which no connect(2) says

// The address, with its leading null.
std::string supervision_address(const std::string& session_dir);

class SupervisionProbe {
 public:
  explicit SupervisionProbe(const std::string& session_dir);
  // Allocates nothing; signal-safe; sound in a child of vfork(2).
  [[nodiscard]] bool is_supervised() const;

 private:
  sockaddr_un address_{};
  size_t size_bytes_ = 0;
};

}  // namespace recshim::control
