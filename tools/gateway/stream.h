// What the two ends of a connection have in common: bytes that come and go without anybody
// waiting, and waiting for several of them at once. Knows no HTTP.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"

namespace recshim::gateway {

// One end. Threads: external synchronisation.
class Stream {
 public:
  enum class Io { kBytes, kNothing, kEof, kRagged, kReset };

  virtual ~Stream() = default;
  // Appends what has come, at most about 64 KiB. kNothing: wait for it. What comes after
  // the other three is always the same again.
  virtual Io read(std::string& out) = 0;
  // Takes all of it; what can't be sent now is kept and sent by flush().
  virtual void send(std::string_view bytes) = 0;
  // Sends what was kept. False: the other side is gone.
  virtual bool flush() = 0;
  // Bytes are kept: don't send more, or memory is all that bounds it.
  [[nodiscard]] virtual bool backed_up() const = 0;
  // Where to wait for its bytes, and for room to flush().
  [[nodiscard]] virtual int read_fd() const = 0;
  [[nodiscard]] virtual int write_fd() const = 0;
};

inline bool is_end(Stream::Io io) {
  return io != Stream::Io::kBytes && io != Stream::Io::kNothing;
}
// REQUIRES: is_end(io).
inline flow::End end_of(Stream::Io io) {
  return io == Stream::Io::kEof      ? flow::End::kEof
         : io == Stream::Io::kRagged ? flow::End::kRagged
                                     : flow::End::kReset;
}

// Waits for what was asked of it. Values.
class Waiter {
 public:
  void for_bytes(const Stream& stream) { add(stream.read_fd(), POLLIN); }
  // Only where something is kept.
  void for_room(const Stream& stream) {
    if (stream.backed_up()) add(stream.write_fd(), POLLOUT);
  }
  // The other side hangs up, resets, or sends no more.
  void for_end(const Stream& stream) { add(stream.write_fd(), POLLRDHUP); }
  // timeout_ms: -1 for ever. False: it has passed.
  bool wait(int timeout_ms) { return poll(fds_, count_, timeout_ms) != 0; }

 private:
  void add(int fd, short events) {
    if (fd < 0 || count_ == kMost) return;
    fds_[count_++] = {fd, events, 0};
  }
  static constexpr nfds_t kMost = 4;
  pollfd fds_[kMost] = {};
  nfds_t count_ = 0;
};

// Sends all that stream keeps, for at most timeout_ms. False: not all has gone.
bool flush_all(Stream& stream, int timeout_ms);

}  // namespace recshim::gateway
