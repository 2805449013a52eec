// A connected socket as a Stream: its bytes as they are. Owns its descriptor.
#pragma once

#include <optional>
#include <string>

#include "tools/gateway/stream.h"

namespace recshim::gateway {

class SocketStream final : public Stream {
 public:
  explicit SocketStream(int fd) : fd_(fd) {}
  ~SocketStream() override { close(); }
  SocketStream(const SocketStream&) = delete;
  SocketStream& operator=(const SocketStream&) = delete;

  Io read(std::string& out) override;
  void send(std::string_view bytes) override;
  bool flush() override;
  [[nodiscard]] bool backed_up() const override { return out_at_ < out_.size(); }
  [[nodiscard]] int read_fd() const override { return fd_; }
  [[nodiscard]] int write_fd() const override { return fd_; }

  // Nothing more will be sent: says so to the other side once what is kept has gone.
  void end_sending();
  // Sends nothing any more, and what is kept is lost.
  void give_up();
  // Both close at once; what is kept is lost.
  void close();
  void reset();
  [[nodiscard]] bool closed() const { return fd_ < 0; }
  // The descriptor, which is the caller's from here on.
  [[nodiscard]] int release();

 private:
  int fd_;
  std::string out_;
  size_t out_at_ = 0;
  bool ends_ = false;
  bool broken_ = false;     // nothing can be sent any more
  std::optional<Io> over_;  // how reading ended
};

}  // namespace recshim::gateway
