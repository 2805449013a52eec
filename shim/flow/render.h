// Turns the response side of an Exchange into segments, byte for byte as its server sent
// them. Knows no connection and no clock: reads the body piece by piece, so that its size
// costs no memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "shim/flow/connection.h"
#include "shim/http/message.h"

namespace recshim::flow {

inline constexpr size_t kMaxSegmentBytes = size_t{256} << 10;

struct RenderOptions {
  bool head_only = false;      // the request was HEAD: a body is never sent
  bool skip_continue = false;  // one 100 was sent already
  uint64_t request_end_us = 0;
  double pace = 0;  // as Settings::pace
};

// Threads: external synchronisation.
class Renderer {
 public:
  Renderer(http::Exchange recording, const RenderOptions& options);
  // Bytes made here rather than recorded; sent at once.
  explicit Renderer(std::string bytes);

  // REQUIRES: !done(). nullopt when the body can't be read (see failure()).
  std::optional<Segment> next();
  [[nodiscard]] bool done() const { return step_ == Step::kDone; }
  // How the connection ends after these bytes; nullopt: it goes on. A recording that the
  // client cut off has no known end: whoever reads on there is reset.
  [[nodiscard]] std::optional<End> end() const { return end_; }
  // Why the rest can't be sent; empty while all is well.
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  enum class Step { kInformational, kHead, kBoundary, kRest, kTail, kDone };
  // One boundary, or what is sent like one: framing around a piece of the body.
  struct Unit {
    std::string before;
    uint64_t body_bytes = 0;
    std::string after;
    uint64_t first_offset_us = 0;  // of a first byte; the last one's is last_offset_us
    uint64_t last_offset_us = 0;
    [[nodiscard]] uint64_t size() const { return before.size() + body_bytes + after.size(); }
  };

  void load();                 // the next unit that has bytes, or kDone
  bool make_unit(Unit& unit);  // false: this step has nothing (more) to give
  bool make_boundary(Unit& unit);
  [[nodiscard]] bool has_body() const;
  [[nodiscard]] bool truncated() const;
  [[nodiscard]] uint64_t due_us(uint64_t unit_bytes_sent) const;
  void fail(std::string why);

  http::Exchange recording_;
  RenderOptions options_;
  std::optional<End> end_;
  std::string failure_;

  Step step_ = Step::kInformational;
  size_t index_ = 0;       // into informational, then boundaries
  uint64_t body_pos_ = 0;  // bytes of the body that units have taken or sent
  Unit unit_;
  uint64_t unit_sent_ = 0;
};

}  // namespace recshim::flow
