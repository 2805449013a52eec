// What a program has registered with epoll(7) about a descriptor, which is lost when another file
// is put in the descriptor's place.
#pragma once

#include <sys/epoll.h>
#include <sys/types.h>

#include <vector>

namespace recshim::supervisor {

struct EpollRegistration {
  int epoll_fd = -1;  // of the program
  epoll_event event{};
};

// Every epoll instance of the process that watches its descriptor fd. Source: proc(5), fdinfo.
std::vector<EpollRegistration> epoll_registrations(pid_t process, int fd);

// Registers file, which has the number fd in the process, as fd was before. file: ours.
// Threads: any; a short-lived child does it, for epoll(7) knows a file by its number, too.
void register_again(pid_t process, int fd, int file,
                    const std::vector<EpollRegistration>& registrations);

}  // namespace recshim::supervisor
