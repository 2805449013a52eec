// See client_stream.h.
#include "tools/gateway/client_stream.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include <algorithm>
#include <chrono>

#include "shim/flow/first_bytes.h"
#include "tools/gateway/authority.h"

namespace recshim::gateway {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr int kEndTimeoutMs = 30'000;
constexpr uint64_t kFarewellMs = 2000;
// So soon after a handshake leaves who has verified our certificate only then.
constexpr uint64_t kSecondThoughtsMs = 1000;

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

ClientStream::ClientStream(int fd, int control_fd) : socket_(fd) {
  if (control_fd >= 0) control_.emplace(control_fd);
}

void ClientStream::start_tls(SSL_CTX* context, std::string_view read, std::function<void()> spoke,
                             bool chooses_protocol) {
  on_spoke_ = std::move(spoke);
  ssl_.reset(SSL_new(context));
  from_client_ = BIO_new(BIO_s_mem());
  to_client_ = BIO_new(BIO_s_mem());
  BIO_set_mem_eof_return(from_client_, -1);
  BIO_set_mem_eof_return(to_client_, -1);
  SSL_set_bio(ssl_.get(), from_client_, to_client_);
  SSL_set_accept_state(ssl_.get());
  if (!chooses_protocol) choose_no_protocol(ssl_.get());
  BIO_write(from_client_, read.data(), static_cast<int>(read.size()));
  was_gone_ = ended();
}

Stream::Io ClientStream::read_raw(std::string& out) {
  if (control_) {
    const Io io = control_->read(out);
    if (!is_end(io)) return io;
    control_.reset();  // the giver has said all
  }
  return socket_.read(out);
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
    if (finished_ms_ == 0 && SSL_is_init_finished(ssl_.get()) != 0) finished_ms_ = now_ms();
    take_encrypted();
    flush();
    if (n > 0 && !spoke_) {
      spoke_ = true;
      on_spoke_();
    }
    if (n > 0) return Io::kBytes;
    if (error == SSL_ERROR_ZERO_RETURN) return tls_over(Io::kEof);
    if (error != SSL_ERROR_WANT_READ) return tls_failed(error);
    std::string encrypted;
    const Io got = read_raw(encrypted);
    if (got == Io::kNothing) return got;
    if (got != Io::kBytes) return tls_over(got == Io::kEof ? Io::kRagged : got);
    BIO_write(from_client_, encrypted.data(), static_cast<int>(encrypted.size()));
  }
}

Stream::Io ClientStream::tls_failed(int ssl_error) {
  if (problem_.empty()) {
    no_known_protocol_ = ERR_GET_REASON(ERR_peek_error()) == SSL_R_NO_APPLICATION_PROTOCOL;
    alerted_ = ERR_GET_REASON(ERR_peek_error()) > SSL_AD_REASON_OFFSET;
    problem_ = ssl_error == SSL_ERROR_SSL ? openssl_error() : "TLS failed";
  }
  return tls_over(Io::kReset);
}

Stream::Io ClientStream::tls_over(Io how) {
  if (handshake_failure_.empty() && !spoke_ && !was_gone_) handshake_failure_ = why_unused(how);
  return how;
}

// Clients of TLS 1.3 verify before they end the handshake, but their alert may come later; with
// TLS 1.2 some verify when it is over. One that says close_notify has what it wanted.
std::string ClientStream::why_unused(Io how) const {
  const auto distrust = [](std::string_view detail) {
    return fmt::format(
        "the program ended the TLS handshake, it does not trust the session's certificate ({}); "
        "let it trust the system's authorities, not those built into it (webpki-roots), a store of "
        "its own or pinned keys",
        detail);
  };
  if (alerted_) return distrust(problem_);
  if (no_known_protocol_) return flow::kNoKnownProtocol;
  if (!problem_.empty()) return "the TLS handshake with the program failed: " + problem_;
  const char* const detail =
      how == Io::kReset ? "a reset without an alert" : "a close without an alert";
  if (finished_ms_ == 0) return distrust(detail);
  const bool at_once = now_ms() - finished_ms_ < kSecondThoughtsMs;
  const bool verifies_late = SSL_version(ssl_.get()) < TLS1_3_VERSION;
  if (at_once && (how == Io::kReset || (how == Io::kRagged && verifies_late))) {
    return distrust(detail);
  }
  return "";
}

void ClientStream::take_encrypted() {
  char* data = nullptr;
  const long size = BIO_get_mem_data(to_client_, &data);
  if (size <= 0) return;
  socket_.send({data, static_cast<size_t>(size)});
  BIO_reset(to_client_);
}

void ClientStream::send(std::string_view bytes) {
  if (bytes.empty()) return;
  if (!ssl_) return socket_.send(bytes);
  ERR_clear_error();
  const int n = SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (n != static_cast<int>(bytes.size())) {
    if (problem_.empty()) problem_ = openssl_error();
    return socket_.give_up();
  }
  take_encrypted();
}

void ClientStream::end(flow::End how) {
  if (socket_.closed()) return;
  if (how == flow::End::kReset) {
    // What was sent before it is to be read before it: a reset overtakes what is on its way.
    flush_all(*this, kEndTimeoutMs);
    return socket_.reset();
  }
  if (ssl_ && how == flow::End::kEof && SSL_is_init_finished(ssl_.get()) != 0) {
    SSL_shutdown(ssl_.get());
    take_encrypted();
  }
  socket_.end_sending();
  flush_all(*this, kEndTimeoutMs);
  // Closed by us first, a program's last words (close_notify, say) would be answered by a
  // reset, over a unix pair by SIGPIPE at once; unread bytes do the same.
  const uint64_t until = now_ms() + kFarewellMs;
  std::string rest;
  pollfd more{socket_.read_fd(), POLLIN, 0};
  for (uint64_t now = now_ms(); now < until; now = now_ms()) {
    if (poll(&more, 1, static_cast<int>(until - now)) <= 0) continue;
    rest.clear();
    if (is_end(socket_.read(rest))) break;
  }
  socket_.close();
}

bool ClientStream::gone() const {
  pollfd look{socket_.write_fd(), 0, 0};
  return socket_.closed() || poll(&look, 1, 0) > 0;
}

bool ClientStream::ended() const {
  pollfd look{socket_.write_fd(), POLLRDHUP, 0};
  return socket_.closed() || poll(&look, 1, 0) > 0;
}

}  // namespace recshim::gateway
