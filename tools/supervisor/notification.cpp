// See notification.h. Source: seccomp_unotify(2).
#include "tools/supervisor/notification.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

namespace recshim::supervisor {
namespace {

void send(int listener, const seccomp_notif_resp& answer) {
  // ENOENT: the thread has been killed meanwhile.
  while (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) != 0 && errno == EINTR) {
  }
}

}  // namespace

Listener::~Listener() {
  if (fd_ >= 0) close(fd_);
}

std::optional<Notification> Listener::receive() const {
  seccomp_notif raw{};
  if (ioctl(fd_, SECCOMP_IOCTL_NOTIF_RECV, &raw) != 0) return std::nullopt;
  return Notification{raw.id, static_cast<pid_t>(raw.pid), raw.data};
}

bool Listener::is_valid(const Notification& call) const {
  uint64_t id = call.id;
  return ioctl(fd_, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

void Listener::let_go_on(const Notification& call) const {
  seccomp_notif_resp answer{};
  answer.id = call.id;
  answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  send(fd_, answer);
}

void Listener::answer(const Notification& call, int error, int64_t value) const {
  seccomp_notif_resp answer{};
  answer.id = call.id;
  answer.error = -error;
  answer.val = error != 0 ? 0 : value;
  send(fd_, answer);
}

bool Listener::replace_descriptor(const Notification& call, int fd, int target_fd,
                                  bool close_on_exec) const {
  seccomp_notif_addfd request{};
  request.id = call.id;
  request.flags = SECCOMP_ADDFD_FLAG_SETFD;
  request.srcfd = static_cast<uint32_t>(fd);
  request.newfd = static_cast<uint32_t>(target_fd);
  request.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
  return ioctl(fd_, SECCOMP_IOCTL_NOTIF_ADDFD, &request) == target_fd;
}

}  // namespace recshim::supervisor
