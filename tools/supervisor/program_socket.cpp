// See program_socket.h.
#include "tools/supervisor/program_socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

#include "shim/base/env.h"
#include "shim/control/endpoint.h"
#include "tools/supervisor/task.h"

#ifndef IPPROTO_MPTCP  // glibc 2.32
#define IPPROTO_MPTCP 262
#endif

namespace recshim::supervisor {
namespace {

int socket_option(int fd, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : 0;
}

// The row of /proc/PID/net/tcp (or tcp6) that has inode. Source: proc_net_tcp.rst of the kernel.
struct TcpRow {
  unsigned port = 0;
  unsigned state = TCP_CLOSE;
};

TcpRow tcp_row(pid_t process, uint64_t inode) {
  for (const char* table : {"tcp", "tcp6"}) {
    const auto text = posix_env().read_file(fmt::format("/proc/{}/net/{}", process, table));
    if (!text) continue;
    std::istringstream lines(*text);
    std::string line;
    std::getline(lines, line);  // the columns' names
    while (std::getline(lines, line)) {
      TcpRow row;
      unsigned long long found = 0;
      const int read = std::sscanf(line.c_str(),
                                   " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%*x %x %*x:%*x %*x:%*x %*x %*d "
                                   "%*d %llu",
                                   &row.port, &row.state, &found);
      if (read == 3 && found == inode) return row;
    }
  }
  return {};
}

}  // namespace

Result<std::shared_ptr<const ProgramSocket>> ProgramSocket::look_at(pid_t process, int number) {
  const auto copy = take_descriptor(process, number);
  if (!copy && copy.error().code != ErrorCode::kUnsupported) return copy.error();
  std::shared_ptr<ProgramSocket> socket(new ProgramSocket(process, copy ? *copy : -1));
  if (copy) {
    const int domain = socket_option(*copy, SO_DOMAIN);
    if (domain == AF_INET || domain == AF_INET6) socket->type_ = socket_option(*copy, SO_TYPE);
    socket->protocol_ = socket_option(*copy, SO_PROTOCOL);
  } else if (!socket->look_by_proc(number)) {
    return copy.error();
  }
  return std::shared_ptr<const ProgramSocket>(std::move(socket));
}

ProgramSocket::~ProgramSocket() {
  if (copy_ >= 0) close(copy_);
}

// Source: sockfs's attribute system.sockprotoname, the protocol's name in the kernel.
bool ProgramSocket::look_by_proc(int number) {
  const OwnersRights rights(process_);
  const std::string path = fmt::format("/proc/{}/fd/{}", process_, number);
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return false;
  inode_ = file.st_ino;
  char text[32] = "";
  if (!S_ISSOCK(file.st_mode) ||
      getxattr(path.c_str(), "system.sockprotoname", text, sizeof text - 1) <= 0) {
    return true;
  }
  const std::string name = text;
  if (name.starts_with("TCP") || name.starts_with("MPTCP")) type_ = SOCK_STREAM;
  if (name.starts_with("MPTCP")) protocol_ = IPPROTO_MPTCP;
  if (name.starts_with("UDP")) type_ = SOCK_DGRAM;
  return true;
}

bool ProgramSocket::is_in_use() const {
  if (copy_ < 0) return tcp_row(process_, inode_).state != TCP_CLOSE;
  tcp_info info{};
  socklen_t length = sizeof info;
  return getsockopt(copy_, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
         info.tcpi_state != TCP_CLOSE;
}

bool ProgramSocket::is_in_our_network() const {
  const OwnersRights rights(process_);
  struct stat own {
  }, its{};
  return stat("/proc/self/ns/net", &own) == 0 &&
         stat(fmt::format("/proc/{}/ns/net", process_).c_str(), &its) == 0 &&
         own.st_dev == its.st_dev && own.st_ino == its.st_ino;
}

uint16_t ProgramSocket::local_port() const {
  if (copy_ < 0) return static_cast<uint16_t>(tcp_row(process_, inode_).port);
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(copy_, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  const auto local = control::endpoint_of(reinterpret_cast<sockaddr*>(&address), length);
  return local ? local->port : 0;
}

}  // namespace recshim::supervisor
