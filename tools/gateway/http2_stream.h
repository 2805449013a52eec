// One request over HTTP/2 and the recording that answers it, as it is sent: when each piece is due
// and what comes next. Knows neither nghttp2 nor its connection.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"
#include "shim/http/message.h"

namespace recshim::gateway {

// Threads: external synchronisation.
class Http2Stream final : public flow::Asker {
 public:
  Http2Stream(int32_t id, const flow::Settings& settings);

  [[nodiscard]] int32_t id() const { return id_; }

  // --- The request
  http::Headers fields;  // of the head or the trailers, as they come
  bool head_seen = false;
  http::Exchange request;  // as far as it has come
  uint64_t body_seen_bytes = 0;
  void request_ended(uint64_t now_us);

  // --- The answer
  void deliver(http::Exchange recording, uint64_t now_us, flow::Commands& out) override;
  void deliver_miss(std::string_view key, std::string_view diagnosis, uint64_t now_us,
                    flow::Commands& out) override;
  void continue_body(uint64_t now_us, flow::Commands& out) override;
  // There will be none.
  void reset() { resets_ = true; }
  [[nodiscard]] bool answered() const { return answer_.has_value() || resets_; }

  // What the connection is to do next for it.
  [[nodiscard]] bool wants_continue() const { return wants_continue_; }
  bool take_continue();
  bool submitted = false;  // its head, or its reset, has been given to the connection
  // The answer must come to nothing: it is reset before its head, or where what came of it ends.
  [[nodiscard]] bool resets_at_once() const;
  [[nodiscard]] bool cut_off() const;
  // REQUIRES: answered(), !resets_at_once().
  [[nodiscard]] const http::Exchange& answer() const { return *answer_; }
  [[nodiscard]] bool has_content() const;  // anything after its head
  // It was given before the request was whole, and less of that has come than had then.
  [[nodiscard]] bool held_back() const;
  // When the head, or the next piece of the body, is due (monotonic µs; 0: at once).
  [[nodiscard]] uint64_t head_due_us() const;
  [[nodiscard]] uint64_t body_due_us() const;
  // The next bytes of the body, at most n and of one boundary; empty at its end.
  Result<std::string> next_piece(size_t n);
  [[nodiscard]] bool body_ended() const;
  bool waits_on_time = false;  // for body_due_us()

 private:
  [[nodiscard]] uint64_t due_us(uint64_t offset_us) const;
  [[nodiscard]] uint64_t boundary_left() const;

  const int32_t id_;
  const flow::Settings& settings_;
  std::optional<http::Exchange> answer_;
  bool resets_ = false;
  bool wants_continue_ = false;
  bool sent_continue_ = false;
  uint64_t request_end_us_ = 0;
  uint64_t body_sent_ = 0;
  size_t boundary_ = 0;         // the one that is being sent
  uint64_t boundary_sent_ = 0;  // bytes of it
};

}  // namespace recshim::gateway
