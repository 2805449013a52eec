// See http2_frames.h.
#include "shim/http/http2_frames.h"

#include <algorithm>
#include <utility>

namespace recshim::http {
namespace {

constexpr size_t kFrameHeadBytes = 9;  // RFC 9113 §4.1

// RFC 9113 §6. Other types say nothing of an exchange.
constexpr uint8_t kData = 0;
constexpr uint8_t kHeaders = 1;
constexpr uint8_t kResetStream = 3;
constexpr uint8_t kPushPromise = 5;
constexpr uint8_t kContinuation = 9;
constexpr uint8_t kEndStreamFlag = 0x1;
constexpr uint8_t kEndHeadersFlag = 0x4;
constexpr uint8_t kPaddedFlag = 0x8;
constexpr uint8_t kPriorityFlag = 0x20;

uint32_t number(std::string_view bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (const char c : bytes.substr(at, size)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

Error broken_frame(const char* what) {
  return {ErrorCode::kInvalid, std::string("its HTTP/2 ") + what};
}

}  // namespace

struct Http2FrameReader::Frame {
  uint8_t type;
  uint8_t flags;
  uint32_t stream;
  std::string_view payload;

  [[nodiscard]] bool has(uint8_t flag) const { return (flags & flag) != 0; }
  // The payload without its padding; nullopt where that is longer (RFC 9113 §6.1).
  [[nodiscard]] std::optional<std::string_view> unpadded() const {
    if (!has(kPaddedFlag)) return payload;
    if (payload.empty()) return std::nullopt;
    const size_t padding = static_cast<unsigned char>(payload[0]);
    if (padding + 1 > payload.size()) return std::nullopt;
    return payload.substr(1, payload.size() - 1 - padding);
  }
};

Status Http2FrameReader::feed(std::string_view bytes, std::vector<Http2Event>& events) {
  if (broken_) return *broken_;
  pending_ += bytes;
  std::string_view rest = pending_;
  Status status;
  if (preface_due_) {
    const size_t n = std::min(rest.size(), kHttp2Preface.size());
    if (rest.substr(0, n) != kHttp2Preface.substr(0, n)) status = broken_frame("preface is none");
    if (n < kHttp2Preface.size() && status.ok()) return {};
    rest.remove_prefix(n);
    preface_due_ = false;
  }
  while (status.ok() && rest.size() >= kFrameHeadBytes) {
    const size_t length = number(rest, 0, 3);
    if (rest.size() < kFrameHeadBytes + length) break;
    const Frame frame{static_cast<uint8_t>(rest[3]), static_cast<uint8_t>(rest[4]),
                      number(rest, 5, 4) & 0x7fffffff, rest.substr(kFrameHeadBytes, length)};
    status = take(frame, events);
    rest.remove_prefix(kFrameHeadBytes + length);
  }
  if (!status.ok()) {
    broken_ = status.error();
    pending_.clear();
    return status;
  }
  pending_.erase(0, pending_.size() - rest.size());
  return {};
}

Status Http2FrameReader::take(const Frame& frame, std::vector<Http2Event>& events) {
  if ((block_stream_ != 0) != (frame.type == kContinuation) ||
      (block_stream_ != 0 && frame.stream != block_stream_)) {
    return broken_frame("header block is interrupted");
  }
  switch (frame.type) {
    case kHeaders:
    case kPushPromise:
    case kContinuation:
      return take_head(frame, events);
    case kData: {
      const auto bytes = frame.unpadded();
      if (!bytes || frame.stream == 0) return broken_frame("DATA frame is malformed");
      events.emplace_back(Http2Data{frame.stream, std::string(*bytes), frame.has(kEndStreamFlag)});
      return {};
    }
    case kResetStream:
      if (frame.payload.size() != 4) return broken_frame("RST_STREAM frame is malformed");
      events.emplace_back(Http2Reset{frame.stream, number(frame.payload, 0, 4)});
      return {};
    default:
      return {};
  }
}

Status Http2FrameReader::take_head(const Frame& frame, std::vector<Http2Event>& events) {
  std::string_view fragment = frame.payload;
  if (frame.type != kContinuation) {
    const auto unpadded = frame.unpadded();
    // A priority, or the number of the promised stream, goes before (RFC 9113 §6.2, §6.6).
    const bool promise = frame.type == kPushPromise;
    const size_t before = promise ? 4 : frame.has(kPriorityFlag) ? 5 : 0;
    if (!unpadded || unpadded->size() < before || frame.stream == 0) {
      return broken_frame("HEADERS frame is malformed");
    }
    fragment = unpadded->substr(before);
    block_.clear();
    block_stream_ = frame.stream;
    block_is_promise_ = promise;
    block_ends_ = !promise && frame.has(kEndStreamFlag);
  }
  block_ += fragment;
  if (block_.size() > limits_.head_bytes) {
    return Error{ErrorCode::kTooLarge, "its HTTP/2 header block is too large"};
  }
  return frame.has(kEndHeadersFlag) ? end_block(events) : Status{};
}

Status Http2FrameReader::end_block(std::vector<Http2Event>& events) {
  auto fields = hpack_.decode(block_);
  if (!fields) return fields.error();
  // What a server promises nobody has asked for.
  if (!block_is_promise_) {
    events.emplace_back(Http2Head{block_stream_, std::move(*fields), block_ends_});
  }
  block_.clear();
  block_stream_ = 0;
  return {};
}

}  // namespace recshim::http
