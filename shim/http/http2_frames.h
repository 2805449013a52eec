// Reads the frames of one direction of an HTTP/2 connection (RFC 9113), without taking part in it:
// what matters to an exchange comes out as events, in order. Knows neither the other direction nor
// what a stream's frames mean together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shim/http/codec.h"
#include "shim/http/hpack.h"

namespace recshim::http {

struct Http2Head {  // HEADERS and its CONTINUATIONs
  uint32_t stream = 0;
  Headers fields;  // with the pseudo-header fields
  bool ends = false;
};
struct Http2Data {
  uint32_t stream = 0;
  std::string bytes;  // without padding
  bool ends = false;
};
struct Http2Reset {
  uint32_t stream = 0;
  uint32_t code = 0;  // RFC 9113 §7
};
using Http2Event = std::variant<Http2Head, Http2Data, Http2Reset>;

// What a client sends before its first frame (RFC 9113 §3.4).
inline constexpr std::string_view kHttp2Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Threads: external synchronisation.
class Http2FrameReader {
 public:
  enum class Side { kClient, kServer };
  Http2FrameReader(Side side, const Limits& limits)
      : hpack_(limits.head_bytes), limits_(limits), preface_due_(side == Side::kClient) {}

  // Takes all bytes. events: appended to, also with those that came before an error.
  // Errors: kInvalid, kTooLarge; sticky.
  Status feed(std::string_view bytes, std::vector<Http2Event>& events);

 private:
  struct Frame;
  Status take(const Frame& frame, std::vector<Http2Event>& events);
  Status take_head(const Frame& frame, std::vector<Http2Event>& events);
  Status end_block(std::vector<Http2Event>& events);

  HpackDecoder hpack_;
  const Limits limits_;
  bool preface_due_;
  std::string pending_;  // less than a frame
  // A header block that goes on in CONTINUATIONs.
  std::string block_;
  uint32_t block_stream_ = 0;  // 0: none
  bool block_ends_ = false;
  bool block_is_promise_ = false;
  std::optional<Error> broken_;
};

}  // namespace recshim::http
