// See supervision.h.
#include "shim/control/supervision.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "shim/base/sys.h"

namespace recshim::control {
namespace {

const std::string kQuestion = "recshim?";

}  // namespace

std::string supervision_address(const std::string& session_dir) {
  std::string name(1, '\0');
  name += kQuestion + session_dir;
  name.resize(std::min(name.size(), sizeof(sockaddr_un::sun_path)));
  return name;
}

bool is_supervision_address(const std::string& unix_name) {
  return unix_name.compare(0, 1, std::string(1, '\0')) == 0 &&
         unix_name.compare(1, kQuestion.size(), kQuestion) == 0;
}

SupervisionProbe::SupervisionProbe(const std::string& session_dir) {
  address_.sun_family = AF_UNIX;
  const std::string name = supervision_address(session_dir);
  std::memcpy(address_.sun_path, name.data(), name.size());
  size_bytes_ = offsetof(sockaddr_un, sun_path) + name.size();
}

bool SupervisionProbe::is_supervised() const {
  const int fd = static_cast<int>(sys::call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return false;
  const long result =
      sys::call(SYS_connect, fd, sys::arg(&address_), static_cast<long>(size_bytes_));
  sys::close(fd);
  return result == -kSupervisedErrno;
}

}  // namespace recshim::control
