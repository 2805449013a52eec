// See unix_socket.h.
#include "shim/control/unix_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "shim/base/sys.h"

namespace recshim::control {
namespace {

constexpr int kBacklog = 512;
constexpr size_t kMaxDescriptors = 8;

Error failure(const char* what, const std::string& path, long error) {
  const bool nobody =
      error == -ENOENT || error == -ECONNREFUSED || error == -EPIPE || error == -ECONNRESET;
  return {nobody ? ErrorCode::kNotFound : ErrorCode::kIo,
          fmt::format("{} {}: {}", what, path, sys::error_text(static_cast<int>(-error)))};
}

// The address of a path. A longer path than it can hold goes through a descriptor of its
// folder, which has to stay open while the address is used.
class Address {
 public:
  explicit Address(const std::string& path) {
    address_.sun_family = AF_UNIX;
    std::string name = path;
    if (name.size() >= sizeof address_.sun_path) {
      const size_t slash = path.rfind('/');
      folder_ = sys::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY);
      name = fmt::format("/proc/self/fd/{}/{}", folder_, path.substr(slash + 1));
    }
    fits_ = name.size() < sizeof address_.sun_path;
    if (fits_) std::memcpy(address_.sun_path, name.c_str(), name.size() + 1);
  }
  ~Address() {
    if (folder_ >= 0) sys::close(folder_);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;

  // bind(2) or connect(2).
  long apply(long call_number, int fd) const {
    if (!fits_) return -ENAMETOOLONG;
    return sys::call(call_number, fd, sys::arg(&address_), sizeof address_);
  }

 private:
  sockaddr_un address_{};
  int folder_ = -1;
  bool fits_ = false;
};

Result<int> make_socket() {
  const long fd = sys::call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return failure("socket", "AF_UNIX", fd);
  return sys::move_high(static_cast<int>(fd));
}

}  // namespace

Result<int> connect_unix(const std::string& path, int timeout_ms) {
  auto made = make_socket();
  if (!made) return made;
  if (timeout_ms > 0) {
    const timeval limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
      sys::call(SYS_setsockopt, *made, SOL_SOCKET, option, sys::arg(&limit), sizeof limit);
    }
  }
  const Address address(path);
  const long connected = sys::retry([&] { return address.apply(SYS_connect, *made); });
  if (connected < 0) {
    sys::close(*made);
    return failure("connect to", path, connected);
  }
  return made;
}

Result<int> listen_unix(const std::string& path) {
  auto made = make_socket();
  if (!made) return made;
  sys::call(SYS_unlinkat, AT_FDCWD, sys::arg(path.c_str()), 0);
  const Address address(path);
  long done = address.apply(SYS_bind, *made);
  if (done == 0) done = sys::call(SYS_fchmodat, AT_FDCWD, sys::arg(path.c_str()), 0600);
  if (done == 0) done = sys::call(SYS_listen, *made, kBacklog);
  if (done < 0) {
    sys::close(*made);
    return failure("listen at", path, done);
  }
  return made;
}

Status send_with_descriptors(int fd, std::string_view bytes, const std::vector<int>& descriptors) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
  bool first = true;
  while (!bytes.empty()) {
    iovec block{const_cast<char*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &block;
    message.msg_iovlen = 1;
    const size_t fds_bytes = descriptors.size() * sizeof(int);
    if (first && !descriptors.empty() && descriptors.size() <= kMaxDescriptors) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(fds_bytes);
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(fds_bytes);
      std::memcpy(CMSG_DATA(header), descriptors.data(), fds_bytes);
    }
    const long sent =
        sys::retry([&] { return sys::call(SYS_sendmsg, fd, sys::arg(&message), MSG_NOSIGNAL); });
    if (sent < 0) return failure("send to", "a session's socket", sent);
    first = false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return {};
}

Status send_all(int fd, std::string_view bytes) {
  return send_with_descriptors(fd, bytes, {});
}

Result<std::string> receive_exactly(int fd, size_t n, std::vector<int>& descriptors) {
  std::string bytes(n, '\0');
  for (size_t got = 0; got < n;) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))> control{};
    iovec block{bytes.data() + got, n - got};
    msghdr message{};
    message.msg_iov = &block;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const long received = sys::retry(
        [&] { return sys::call(SYS_recvmsg, fd, sys::arg(&message), MSG_CMSG_CLOEXEC); });
    if (received < 0) return failure("receive from", "a session's socket", received);
    for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
         header = CMSG_NXTHDR(&message, header)) {
      if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
      const size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int descriptor = -1;
        std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
        descriptors.push_back(descriptor);
      }
    }
    if (received == 0) return Error{ErrorCode::kNotFound, "the other side closed early"};
    got += static_cast<size_t>(received);
  }
  return bytes;
}

Result<size_t> receive_some(int fd, char* out, size_t out_capacity) {
  const long received = sys::read(fd, out, out_capacity);
  if (received < 0) return failure("receive from", "a session's socket", received);
  return static_cast<size_t>(received);
}

}  // namespace recshim::control
