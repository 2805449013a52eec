// What the library and the supervisor of a session know of each other.
//
// The mark: the library puts it into the upper half of the 64-bit argument that is the length of
// connect(2)'s or sendto(2)'s address, or the flags of sendmsg(2). The kernel takes the lower half
// alone; the supervisor's filter lets such a call go on. So what it asks about went past the
// library.
//
// The question whether this process's connects are answered by the supervisor of a session: a
// connect(2) to an abstract unix address of the session says kSupervisedErrno then, and nobody
// listens there otherwise.
#pragma once

#include <sys/un.h>

#include <cstdint>
#include <string>

namespace recshim::control {

inline constexpr uint32_t kSeenByLibrary = 0x7265'6373;

inline constexpr int kSupervisedErrno = 54;  // EXFULL, which no connect(2) says

// The address, with its leading null.
std::string supervision_address(const std::string& session_dir);
// It is that of some session.
bool is_supervision_address(const std::string& unix_name);

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
