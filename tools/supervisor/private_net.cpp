// See private_net.h. The keeper is a forked process, as only one with a single thread may
// enter a user namespace; it makes a socket for each question and sends it back.
#include "tools/supervisor/private_net.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <vector>

#include "shim/control/unix_socket.h"

#ifndef SO_NETNS_COOKIE  // Linux 5.14
#define SO_NETNS_COOKIE 71
#endif

namespace recshim::supervisor {
namespace {

struct Question {
  int family = 0;
  int type = 0;
};

bool raise_loopback() {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  const bool up = ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  close(fd);
  return up;
}

// "ip route add local default dev lo table local". Source: rtnetlink(7).
bool make_all_local(int family) {
  struct {
    nlmsghdr header;
    rtmsg route;
    rtattr interface_header;
    int interface_index;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = RTM_NEWROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK;
  request.route.rtm_family = static_cast<unsigned char>(family);
  request.route.rtm_table = RT_TABLE_LOCAL;
  request.route.rtm_protocol = RTPROT_STATIC;
  request.route.rtm_scope = RT_SCOPE_HOST;
  request.route.rtm_type = RTN_LOCAL;
  request.interface_header.rta_type = RTA_OIF;
  request.interface_header.rta_len = RTA_LENGTH(sizeof(int));
  request.interface_index = static_cast<int>(if_nametoindex("lo"));
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return false;
  std::array<char, 512> reply{};
  bool done = send(fd, &request, sizeof request, 0) == static_cast<ssize_t>(sizeof request) &&
              recv(fd, reply.data(), reply.size(), 0) >= static_cast<ssize_t>(NLMSG_LENGTH(4));
  if (done) {
    nlmsgerr result{};
    std::memcpy(&result, reply.data() + NLMSG_HDRLEN,
                std::min(sizeof result, reply.size() - NLMSG_HDRLEN));
    done = result.error == 0;
  }
  close(fd);
  return done;
}

bool enter_network() {
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  if (!raise_loopback() || !make_all_local(AF_INET)) return false;
  make_all_local(AF_INET6);  // a kernel may be without IPv6
  return true;
}

[[noreturn]] void keep(int control_fd, pid_t parent) {
  prctl(PR_SET_NAME, "recshim-net");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(0);
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  // Nobody must wait for us because we hold their pipe.
  const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd <= 2 && null_fd >= 0; ++fd) dup2(null_fd, fd);
  const char ready = enter_network() ? 'y' : 'n';
  if (!control::send_all(control_fd, {&ready, 1}) || ready == 'n') _exit(1);
  for (Question question; read(control_fd, &question, sizeof question) == sizeof question;) {
    const int made = ::socket(question.family, question.type | SOCK_CLOEXEC, 0);
    const char error = static_cast<char>(made < 0 ? errno : 0);
    std::vector<int> descriptors;
    if (made >= 0) descriptors.push_back(made);
    if (!control::send_with_descriptors(control_fd, {&error, 1}, descriptors)) break;
    if (made >= 0) close(made);
  }
  _exit(0);
}

uint64_t network_cookie(int fd) {
  uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) == 0 ? cookie : 0;
}

}  // namespace

Result<std::unique_ptr<PrivateNet>> PrivateNet::make() {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error{ErrorCode::kIo, fmt::format("socketpair: {}", std::strerror(errno))};
  }
  const pid_t parent = getpid();
  const pid_t keeper = fork();
  if (keeper == 0) {
    close(ends[0]);
    keep(ends[1], parent);
  }
  close(ends[1]);
  if (keeper < 0) {
    close(ends[0]);
    return Error{ErrorCode::kIo, fmt::format("fork: {}", std::strerror(errno))};
  }
  std::unique_ptr<PrivateNet> net(new PrivateNet(keeper, ends[0]));
  std::vector<int> none;
  const auto ready = control::receive_exactly(ends[0], 1, none);
  if (!ready || *ready != "y") {
    return Error{ErrorCode::kUnsupported,
                 "a network namespace cannot be made here: neither root nor user namespaces "
                 "(kernel.unprivileged_userns_clone, user.max_user_namespaces) are to be had"};
  }
  const auto first = net->socket(AF_INET, SOCK_DGRAM);
  if (!first) return first.error();
  net->cookie_ = network_cookie(*first);
  close(*first);
  return net;
}

PrivateNet::~PrivateNet() {
  close(control_fd_);
  kill(keeper_, SIGKILL);
  while (waitpid(keeper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<int> PrivateNet::socket(int family, int type) {
  const std::lock_guard lock(mutex_);
  const Question question{family, type};
  const Status asked =
      control::send_all(control_fd_, {reinterpret_cast<const char*>(&question), sizeof question});
  if (!asked) return asked.error();
  std::vector<int> descriptors;
  const auto answer = control::receive_exactly(control_fd_, 1, descriptors);
  if (answer && descriptors.size() == 1) return descriptors[0];
  for (const int fd : descriptors) close(fd);
  return Error{ErrorCode::kIo, answer ? std::strerror((*answer)[0]) : answer.error().message};
}

bool PrivateNet::holds(int fd) const {
  return cookie_ != 0 && network_cookie(fd) == cookie_;
}

}  // namespace recshim::supervisor
