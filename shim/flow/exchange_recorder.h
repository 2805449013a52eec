// Builds one Exchange from the events of its request and response: times, boundaries, and
// what a cut-off response was when it was cut. Knows no other exchange and no connection.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"
#include "shim/flow/state.h"
#include "shim/http/codec.h"
#include "shim/http/message.h"

namespace recshim::flow {

// Threads: external synchronisation.
class ExchangeRecorder {
 public:
  // keeps: the exchange will be saved; otherwise only its course is followed.
  ExchangeRecorder(http::RequestStarted started, http::Origin origin, bool keeps,
                   const Settings& settings);

  // --- The request side
  void request_body(std::string_view bytes);
  void request_end(http::Headers trailers, uint64_t now_us);

  // --- The response side
  // The bytes that the next events come from. Called before them, in pieces of bounded size.
  void raw_response(std::string_view bytes);
  // final head: status >= 200.
  void informational(http::ResponseHead head);
  void response_head(http::ResponseStarted started, uint64_t now_us);
  void response_body(std::string_view bytes);
  void chunk_started(http::ChunkStarted chunk);
  void chunk_ended(uint64_t now_us);
  void response_end(http::MessageEnded end, uint64_t now_us);
  // The body goes until the connection's end, which comes without close_notify.
  void ends_raggedly() {
    exchange_->ragged_close = exchange_->framing == http::Framing::kUntilClose;
  }
  // The response stops here, before its end. Afterwards turn() tells as if it had ended.
  void cut(http::Truncation truncation, uint64_t now_us);
  // The program left: complete when a stream has said its last word, else cut.
  void client_left(uint64_t now_us);

  [[nodiscard]] Turn turn() const { return turn_; }
  [[nodiscard]] bool request_whole() const;
  [[nodiscard]] bool response_begun() const;
  [[nodiscard]] bool response_whole() const;
  // The exchange's heads and framing lines outgrew what a recording may cost in memory.
  [[nodiscard]] bool too_large() const;
  // Null once taken.
  [[nodiscard]] http::Exchange* exchange() { return exchange_.get(); }
  std::unique_ptr<http::Exchange> take() { return std::move(exchange_); }

 private:
  void step(TurnStep step);
  // An event tells of bytes up to somewhere in the last piece: older ones are settled.
  void parsed(uint64_t bytes);
  void add_boundary(uint64_t size_bytes, uint64_t now_us);
  [[nodiscard]] uint64_t offset_us(uint64_t now_us) const;
  // What came after the last element that events told of.
  [[nodiscard]] std::string unparsed_tail() const;

  std::unique_ptr<http::Exchange> exchange_;
  Turn turn_ = Turn::kSending;
  bool keeps_ = false;
  bool client_asked_to_close_ = false;
  std::optional<uint64_t> request_end_us_;

  std::optional<http::ChunkStarted> chunk_;  // the chunk that is on its way
  uint64_t chunk_start_ = 0;                 // where its data begins in the body
  uint64_t raw_bytes_ = 0;                   // of this response, as they came
  uint64_t parsed_bytes_ = 0;                // of these, told of by events
  uint64_t framing_bytes_ = 0;               // memory that heads and boundaries take
  std::string recent_;                       // the last raw bytes, all the unparsed among them
  size_t piece_start_ = 0;                   // in recent_: where the last piece begins
};

}  // namespace recshim::flow
