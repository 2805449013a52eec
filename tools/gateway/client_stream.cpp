// See client_stream.h.
#include "tools/gateway/client_stream.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "shim/http/message.h"

namespace recshim::gateway {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr int kEndTimeoutMs = 30'000;
constexpr uint64_t kFarewellMs = 2000;

// Non-blocking by flag rather than by O_NONBLOCK: a file description that a child of the
// giver shares is not ours alone to change.
ssize_t receive(int fd, char* out, size_t size) {
  ssize_t n = 0;
  do {
    n = recv(fd, out, size, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n;
}

uint64_t now_ms() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

}  // namespace

bool flush_all(Stream& stream, int timeout_ms) {
  const uint64_t until = now_ms() + static_cast<uint64_t>(timeout_ms);
  while (stream.flush()) {
    if (!stream.backed_up()) return true;
    const uint64_t now = now_ms();
    Waiter waiter;
    waiter.for_room(stream);
    if (now >= until || !waiter.wait(static_cast<int>(until - now))) return false;
  }
  return false;
}

ClientStream::ClientStream(int fd, int control_fd) : fd_(fd), control_fd_(control_fd) {}

ClientStream::~ClientStream() {
  if (control_fd_ >= 0) close(control_fd_);
  if (fd_ >= 0) close(fd_);
}

void ClientStream::start_tls(SSL_CTX* context, std::string_view read) {
  ssl_.reset(SSL_new(context));
  from_client_ = BIO_new(BIO_s_mem());
  to_client_ = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(from_client_, -1);
  BIO_set_mem_eof_return(to_client_, -1);
  SSL_set_bio(ssl_.get(), from_client_, to_client_);
  SSL_set_accept_state(ssl_.get());
  BIO_write(from_client_, read.data(), static_cast<int>(read.size()));
}

Stream::Io ClientStream::read_raw(std::string& out) {
  if (over_) return *over_;
  const size_t before = out.size();
  for (;;) {
    out.resize(before + kBlockBytes);
    const ssize_t n = receive(read_fd(), out.data() + before, kBlockBytes);
    out.resize(before + static_cast<size_t>(std::max<ssize_t>(n, 0)));
    if (n > 0) return Io::kBytes;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Io::kNothing;
    if (control_fd_ >= 0) {  // the giver has said all
      close(control_fd_);
      control_fd_ = -1;
      continue;
    }
    over_ = n == 0 ? Io::kEof : Io::kReset;
    return *over_;
  }
}

Stream::Io ClientStream::read(std::string& out) {
  return ssl_ ? read_tls(out) : read_raw(out);
}

Stream::Io ClientStream::read_tls(std::string& out) {
  for (;;) {
    const size_t before = out.size();
    out.resize(before + kBlockBytes);
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), out.data() + before, kBlockBytes);
    const int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), n);
    out.resize(before + static_cast<size_t>(std::max(n, 0)));
    take_encrypted();
    flush();
    if (n > 0) return Io::kBytes;
    if (error == SSL_ERROR_ZERO_RETURN) return Io::kEof;
    if (error != SSL_ERROR_WANT_READ) return tls_failed(error);
    std::string encrypted;
    const Io got = read_raw(encrypted);
    if (got == Io::kEof) return Io::kRagged;
    if (got != Io::kBytes) return got;
    BIO_write(from_client_, encrypted.data(), static_cast<int>(encrypted.size()));
  }
}

Stream::Io ClientStream::tls_failed(int ssl_error) {
  if (problem_.empty()) problem_ = ssl_error == SSL_ERROR_SSL ? openssl_error() : "TLS failed";
  return Io::kReset;
}

void ClientStream::take_encrypted() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(to_client_, &data);
  if (size <= 0) return;
  out_.append(data, static_cast<size_t>(size));
  BIO_reset(to_client_);
}

void ClientStream::send(std::string_view bytes) {
  if (broken_ || bytes.empty()) return;
  if (!ssl_) {
    out_ += bytes;
  } else {
    ERR_clear_error();
    const int n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (n != static_cast<int>(bytes.size())) {
      if (problem_.empty()) problem_ = openssl_error();
      broken_ = true;
      return;
    }
    take_encrypted();
  }
  flush();
}

bool ClientStream::flush() {
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
  return !broken_;
}

void ClientStream::end(flow::End how) {
  if (fd_ < 0) return;
  if (how == flow::End::kReset) {
    // What was sent before it is to be read before it: a reset overtakes what is on its way.
    flush_all(*this, kEndTimeoutMs);
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  } else {
    if (ssl_ && how == flow::End::kEof && SSL_is_init_finished(ssl_.get()) != 0) {
      SSL_shutdown(ssl_.get());
      take_encrypted();
    }
    flush_all(*this, kEndTimeoutMs);
    shutdown(fd_, SHUT_WR);
    // Closed by us first, a program's last words (close_notify, say) would be answered by a
    // reset, over a unix pair by SIGPIPE at once; unread bytes do the same.
    const uint64_t until = now_ms() + kFarewellMs;
    char rest[4096];
    pollfd more{fd_, POLLIN, 0};
    for (uint64_t now = now_ms(); now < until; now = now_ms()) {
      if (poll(&more, 1, static_cast<int>(until - now)) <= 0) continue;
      const ssize_t n = receive(fd_, rest, sizeof rest);
      if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    }
  }
  close(fd_);
  fd_ = -1;
  over_ = Io::kEof;
  broken_ = true;
}

bool ClientStream::gone() const {
  pollfd look{fd_, 0, 0};
  return fd_ < 0 || poll(&look, 1, 0) > 0;
}

bool ClientStream::ended() const {
  pollfd look{fd_, POLLRDHUP, 0};
  return fd_ < 0 || poll(&look, 1, 0) > 0;
}

std::optional<std::string> requested_server_name(std::string_view bytes) {
  // Records of type 22 hold the handshake message (RFC 8446 §5.1), which may be in several.
  std::string message;
  while (bytes.size() >= 5 && bytes[0] == 0x16) {
    const size_t length =
        (static_cast<unsigned char>(bytes[3]) << 8) | static_cast<unsigned char>(bytes[4]);
    const size_t there = std::min(length, bytes.size() - 5);
    message += bytes.substr(5, there);
    bytes.remove_prefix(5 + there);
    if (there < length) break;
  }
  // A reader over message: every length is checked against what is there.
  const auto number = [&message](size_t at, size_t size) {
    size_t value = 0;
    for (size_t i = 0; i < size; ++i)
      value = (value << 8) | static_cast<unsigned char>(message[at + i]);
    return value;
  };
  if (!message.empty() && message[0] != 1) return "";  // no ClientHello
  if (message.size() < 4 || message.size() < 4 + number(1, 3)) {
    return bytes.empty() || bytes[0] == 0x16 ? std::optional<std::string>() : "";
  }
  message.resize(4 + number(1, 3));
  size_t at = 4 + 2 + 32;                        // version, random
  for (const size_t length_bytes : {1, 2, 1}) {  // session id, ciphers, compressions
    if (at + length_bytes > message.size()) return "";
    at += length_bytes + number(at, length_bytes);
  }
  at += 2;  // the extensions' length
  while (at + 4 <= message.size()) {
    const size_t type = number(at, 2);
    const size_t size = number(at + 2, 2);
    at += 4;
    if (at + size > message.size()) return "";
    // A list of one: its length, type 0, the name's length.
    if (type == 0 && size > 5 && number(at + 3, 2) + 5 <= size) {
      return http::to_lower(std::string_view(message).substr(at + 5, number(at + 3, 2)));
    }
    at += size;
  }
  return "";
}

}  // namespace recshim::gateway
