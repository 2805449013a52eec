// See socket_stream.h.
#include "tools/gateway/socket_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace recshim::gateway {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;

// Non-blocking by flag rather than by O_NONBLOCK: a file description that a child of the
// giver shares is not ours alone to change.
ssize_t receive(int fd, char* out, size_t size) {
  ssize_t n = 0;
  do {
    n = recv(fd, out, size, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n;
}

}  // namespace

Stream::Io SocketStream::read(std::string& out) {
  if (over_) return *over_;
  const size_t before = out.size();
  out.resize(before + kBlockBytes);
  const ssize_t n = receive(fd_, out.data() + before, kBlockBytes);
  out.resize(before + static_cast<size_t>(std::max<ssize_t>(n, 0)));
  if (n > 0) return Io::kBytes;
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Io::kNothing;
  over_ = n == 0 ? Io::kEof : Io::kReset;
  return *over_;
}

void SocketStream::send(std::string_view bytes) {
  if (broken_) return;
  out_ += bytes;
  flush();
}

bool SocketStream::flush() {
  while (!broken_ && out_at_ < out_.size()) {
    const ssize_t n =
        ::send(fd_, out_.data() + out_at_, out_.size() - out_at_, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      out_at_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return true;
    } else if (errno != EINTR) {
      broken_ = true;
    }
  }
  out_.clear();
  out_at_ = 0;
  if (ends_ && !broken_) shutdown(fd_, SHUT_WR);
  ends_ = false;
  return !broken_;
}

void SocketStream::end_sending() {
  ends_ = true;
  flush();
}

void SocketStream::give_up() {
  broken_ = true;
  flush();
}

void SocketStream::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
  over_ = Io::kEof;
  give_up();
}

void SocketStream::reset() {
  const linger hard{1, 0};
  if (fd_ >= 0) setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close();
}

int SocketStream::release() {
  const int fd = std::exchange(fd_, -1);
  close();
  return fd;
}

}  // namespace recshim::gateway
