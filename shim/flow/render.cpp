// Rendering of recorded responses. See render.h.
#include "shim/flow/render.h"

#include <fmt/format.h>

#include <algorithm>

#include "shim/http/http2_message.h"

namespace recshim::flow {
namespace {

std::string head_bytes(const http::ResponseHead& head) {
  return head.exact.empty() ? http::serialize(head) : head.exact;
}

std::optional<End> end_of(const http::Exchange& recording) {
  switch (recording.truncation) {
    case http::Truncation::kNone:
      break;
    case http::Truncation::kEof:
      return End::kEof;
    case http::Truncation::kRagged:
      return End::kRagged;
    case http::Truncation::kReset:
    case http::Truncation::kClient:
      return End::kReset;
  }
  if (recording.ragged_close) return End::kRagged;
  if (recording.closed_after || recording.framing == http::Framing::kUntilClose) return End::kEof;
  return std::nullopt;
}

}  // namespace

Renderer::Renderer(http::Exchange recording, const RenderOptions& options)
    : recording_(std::move(recording)), options_(options), end_(end_of(recording_)) {
  recording_.response =
      http::http1_response(std::move(recording_.response), recording_.framing, options_.head_only);
  for (auto& head : recording_.informational) {
    head = http::http1_response(std::move(head), http::Framing::kNone, false);
  }
  load();
}

Renderer::Renderer(std::string bytes) {
  // A head's exact bytes and nothing else: status 0 means that no whole head is known.
  recording_.response.exact = std::move(bytes);
  load();
}

bool Renderer::has_body() const {
  const int status = recording_.response.status;
  return !options_.head_only && status >= 200 && status != 204 && status != 304 &&
         recording_.framing != http::Framing::kNone;
}

bool Renderer::truncated() const {
  return recording_.truncation != http::Truncation::kNone;
}

void Renderer::load() {
  unit_sent_ = 0;
  while (step_ != Step::kDone) {
    unit_ = Unit();
    if (!make_unit(unit_)) {
      if (step_ == Step::kDone) return;  // failed
      step_ = static_cast<Step>(static_cast<int>(step_) + 1);
      continue;
    }
    if (unit_.size() > 0) return;
  }
}

bool Renderer::make_unit(Unit& unit) {
  auto& r = recording_;
  switch (step_) {
    case Step::kInformational:
      while (index_ < r.informational.size() && options_.skip_continue &&
             r.informational[index_].status == 100) {
        options_.skip_continue = false;
        ++index_;
      }
      if (index_ < r.informational.size()) {
        unit.before = head_bytes(r.informational[index_++]);
        return true;
      }
      index_ = 0;
      return false;

    case Step::kHead:
      if (index_ > 0) {
        index_ = 0;
        return false;
      }
      ++index_;
      // No whole head came: exact holds what did.
      unit.before = r.response.status == 0 ? r.response.exact : head_bytes(r.response);
      unit.first_offset_us = unit.last_offset_us = r.head_offset_us;
      if (has_body() && r.framing != http::Framing::kChunked && r.boundaries.empty()) {
        unit.body_bytes = r.response_body.size();
        unit.last_offset_us = std::max(r.head_offset_us, r.end_offset_us);
        body_pos_ = unit.body_bytes;
      }
      return true;

    case Step::kBoundary:
      return has_body() && index_ < r.boundaries.size() && make_boundary(unit);

    case Step::kRest: {  // body bytes that no boundary covers: recordings made elsewhere
      const uint64_t rest = has_body() ? r.response_body.size() - body_pos_ : 0;
      if (rest == 0) return false;
      unit.body_bytes = rest;
      body_pos_ += rest;
      if (r.framing == http::Framing::kChunked) {
        unit.before = fmt::format("{:x}\r\n", rest);
        unit.after = "\r\n";
      }
      unit.first_offset_us = unit.last_offset_us = r.end_offset_us;
      return true;
    }

    case Step::kTail:
      if (index_ == SIZE_MAX || !has_body() || r.framing != http::Framing::kChunked) return false;
      index_ = SIZE_MAX;
      unit.first_offset_us = unit.last_offset_us = r.end_offset_us;
      if (truncated()) {
        unit.before = r.exact_trailers;
        return true;
      }
      unit.before = (r.last_chunk_line.empty() ? "0" : r.last_chunk_line) + "\r\n" +
                    (r.exact_trailers.empty() ? http::serialize_fields(r.response_trailers) + "\r\n"
                                              : r.exact_trailers);
      return true;

    case Step::kDone:
      return false;
  }
  return false;
}

bool Renderer::make_boundary(Unit& unit) {
  auto& r = recording_;
  const http::Boundary& boundary = r.boundaries[index_++];
  const bool last = index_ == r.boundaries.size();
  const uint64_t available = r.response_body.size() - body_pos_;
  unit.body_bytes = std::min(boundary.size_bytes, available);
  unit.first_offset_us = unit.last_offset_us = boundary.offset_us;
  body_pos_ += unit.body_bytes;
  const bool cut = unit.body_bytes < boundary.size_bytes;
  if (cut && !truncated()) {
    fail("its chunks are longer than its body");
    return false;
  }
  if (r.framing == http::Framing::kChunked) {
    unit.before = boundary.exact_line.empty() ? fmt::format("{:x}", boundary.size_bytes)
                                              : boundary.exact_line;
    unit.before += "\r\n";
    // Of a truncated response, exact_trailers holds all that followed the last data.
    if (!cut && !(truncated() && last && !r.exact_trailers.empty())) unit.after = "\r\n";
  }
  return true;
}

uint64_t Renderer::due_us(uint64_t unit_bytes_sent) const {
  if (options_.pace <= 0) return 0;
  const double share = static_cast<double>(unit_bytes_sent) / static_cast<double>(unit_.size());
  const double offset_us =
      static_cast<double>(unit_.first_offset_us) +
      share * static_cast<double>(unit_.last_offset_us - unit_.first_offset_us);
  return options_.request_end_us + static_cast<uint64_t>(offset_us / options_.pace);
}

void Renderer::fail(std::string why) {
  failure_ = std::move(why);
  end_ = End::kReset;
  step_ = Step::kDone;
}

std::optional<Segment> Renderer::next() {
  if (done()) return std::nullopt;
  Segment segment;
  segment.continues_boundary = unit_sent_ > 0;
  const uint64_t body_start = unit_.before.size();
  const uint64_t body_end = body_start + unit_.body_bytes;
  const auto room = [&segment] { return kMaxSegmentBytes - segment.bytes.size(); };

  if (unit_sent_ < body_start) {
    segment.bytes = unit_.before.substr(unit_sent_, kMaxSegmentBytes);
    unit_sent_ += segment.bytes.size();
  }
  if (unit_sent_ >= body_start && unit_sent_ < body_end && room() > 0) {
    // body_pos_ is where this unit's part of the body ends.
    const uint64_t left = body_end - unit_sent_;
    const size_t n = static_cast<size_t>(std::min<uint64_t>(left, room()));
    auto piece = recording_.response_body.read(body_pos_ - left, n);
    if (!piece.ok() || piece->size() != n) {
      fail(piece.ok() ? "its body is shorter than it says" : piece.error().message);
      return std::nullopt;
    }
    segment.bytes += *piece;
    unit_sent_ += n;
  }
  if (unit_sent_ >= body_end && room() > 0) {
    const auto piece = unit_.after.substr(unit_sent_ - body_end, room());
    segment.bytes += piece;
    unit_sent_ += piece.size();
  }
  segment.due_us = due_us(unit_sent_);
  if (unit_sent_ == unit_.size()) load();
  return segment;
}

}  // namespace recshim::flow
