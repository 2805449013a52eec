// The program's end of a connection that was handed over: first what the giver sent along,
// then what the socket gives, with TLS taken off once it is asked for. Owns its descriptors.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "tools/gateway/openssl_ptr.h"
#include "tools/gateway/socket_stream.h"

namespace recshim::gateway {

class ClientStream final : public Stream {
 public:
  // control_fd: the raw bytes come from it until it ends; -1 for none.
  ClientStream(int fd, int control_fd);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;

  // From here on the bytes are TLS, and we are the server. read: the client's bytes that
  // have been read already. The handshake goes on with read().
  // context: borrowed for this call. spoke: called with the first plaintext. chooses_protocol: of
  // those that the client offers by ALPN; false: as a server that knows no ALPN.
  void start_tls(SSL_CTX* context, std::string_view read, std::function<void()> spoke,
                 bool chooses_protocol = true);
  [[nodiscard]] bool tls() const { return ssl_ != nullptr; }
  // False while TLS shakes hands: nothing may be sent yet.
  [[nodiscard]] bool may_send() const { return !ssl_ || finished_ms_ != 0; }
  // Why read() said kReset over TLS, for people; empty where the client just left.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  // Once read() has met the end: why TLS was of no use to the program, for people. It ended the
  // handshake, or left right behind it without a byte, as those do who don't trust our
  // certificate. Empty where it spoke, and for a connection that was made to be spare.
  [[nodiscard]] const std::string& handshake_failure() const { return handshake_failure_; }
  // It did so without a word, as at the end of a process that was making a connection to spare.
  [[nodiscard]] bool left_silently() const { return problem_.empty(); }

  Io read(std::string& out) override;
  void send(std::string_view bytes) override;
  bool flush() override { return socket_.flush(); }
  [[nodiscard]] bool backed_up() const override { return socket_.backed_up(); }
  [[nodiscard]] int read_fd() const override {
    return control_ ? control_->read_fd() : socket_.read_fd();
  }
  [[nodiscard]] int write_fd() const override { return socket_.write_fd(); }

  // Ends the connection as the program is to see it, after all that was sent.
  void end(flow::End how);
  // True once nothing can be sent to the program any more. A TCP peer that has closed is
  // told from one that has only finished sending by what the next bytes meet.
  [[nodiscard]] bool gone() const;
  // It sends no more, or is gone.
  [[nodiscard]] bool ended() const;

 private:
  Io read_raw(std::string& out);
  Io read_tls(std::string& out);
  Io tls_failed(int ssl_error);
  Io tls_over(Io how);
  [[nodiscard]] std::string why_unused(Io how) const;
  void take_encrypted();

  SocketStream socket_;
  std::optional<SocketStream> control_;
  SslPtr ssl_;
  BIO* from_client_ = nullptr;  // both owned by ssl_
  BIO* to_client_ = nullptr;
  bool was_gone_ = false;  // before it could see our certificate
  bool spoke_ = false;     // it has sent plaintext over TLS
  std::function<void()> on_spoke_;
  bool no_known_protocol_ = false;  // among those that it offers
  bool alerted_ = false;            // problem_ is what it has told us
  uint64_t finished_ms_ = 0;        // when the handshake was over; 0: not yet
  std::string problem_;
  std::string handshake_failure_;
};

}  // namespace recshim::gateway
