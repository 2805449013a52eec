// See epoll.h.
#include "tools/supervisor/epoll.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <sstream>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "tools/supervisor/task.h"

namespace recshim::supervisor {

std::vector<EpollRegistration> epoll_registrations(pid_t process, int fd) {
  std::vector<EpollRegistration> found;
  const std::string folder = fmt::format("/proc/{}/fdinfo", process);
  const auto names = posix_env().list(folder);
  if (!names) return found;
  for (const DirEntry& entry : *names) {
    const auto info = posix_env().read_file(folder + "/" + entry.name);
    if (!info || info->find("tfd:") == std::string::npos) continue;
    std::istringstream lines(*info);
    for (std::string line; std::getline(lines, line);) {
      int watched = -1;
      unsigned events = 0;
      unsigned long long data = 0;
      if (sscanf(line.c_str(), "tfd: %d events: %x data: %llx", &watched, &events, &data) != 3 ||
          watched != fd) {
        continue;
      }
      EpollRegistration registration;
      std::from_chars(entry.name.data(), entry.name.data() + entry.name.size(),
                      registration.epoll_fd);
      registration.event.events = events;
      registration.event.data.u64 = data;
      found.push_back(registration);
    }
  }
  return found;
}

void register_again(pid_t process, int fd, int file,
                    const std::vector<EpollRegistration>& registrations) {
  for (const EpollRegistration& registration : registrations) {
    const auto epoll = take_descriptor(process, registration.epoll_fd);
    if (!epoll) {
      log::warn("supervisor: an epoll registration is lost: {}", epoll.error().message);
      continue;
    }
    const pid_t child = fork();
    if (child == 0) {
      const int high = fcntl(*epoll, F_DUPFD, fd + 1);
      epoll_event event = registration.event;
      const bool there = file == fd || dup2(file, fd) == fd;
      _exit(there && epoll_ctl(high, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : 1);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) log::warn("supervisor: an epoll registration of {} is lost", process);
    close(*epoll);
  }
}

}  // namespace recshim::supervisor
