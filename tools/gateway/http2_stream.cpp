// See http2_stream.h.
#include "tools/gateway/http2_stream.h"

#include <algorithm>

#include "shim/flow/miss.h"

namespace recshim::gateway {
namespace {

bool is_grpc(const http::Exchange& request) {
  const auto type = http::find_header(request.request.headers, "content-type").value_or("");
  return type == "application/grpc" || type.starts_with("application/grpc+") ||
         type.starts_with("application/grpc;");
}

}  // namespace

Http2Stream::Http2Stream(int32_t id, const flow::Settings& settings)
    : id_(id), settings_(settings) {
  request.request_complete = false;
  request.request_body.set_spill(settings.env, settings.spill_dir);
}

void Http2Stream::request_ended(uint64_t now_us) {
  request.request_complete = true;
  if (!answered()) request_end_us_ = now_us;
}

void Http2Stream::deliver(http::Exchange recording, uint64_t now_us, flow::Commands&) {
  if (answered()) return;
  if (request_end_us_ == 0) request_end_us_ = now_us;
  answer_ = std::move(recording);
}

void Http2Stream::deliver_miss(std::string_view key, std::string_view diagnosis, uint64_t now_us,
                               flow::Commands& out) {
  if (!settings_.respond_on_miss) return reset();
  deliver(is_grpc(request) ? flow::grpc_miss_response(key, diagnosis)
                           : flow::miss_response(key, diagnosis),
          now_us, out);
}

void Http2Stream::continue_body(uint64_t, flow::Commands&) {
  const auto expected = http::find_header(request.request.headers, "expect").value_or("");
  wants_continue_ = http::equals_ignoring_case(expected, "100-continue");
}

bool Http2Stream::take_continue() {
  sent_continue_ = sent_continue_ || wants_continue_;
  return std::exchange(wants_continue_, false);
}

bool Http2Stream::resets_at_once() const {
  return resets_ || (answer_ && answer_->response.status == 0);
}
bool Http2Stream::cut_off() const {
  return answer_->truncation != http::Truncation::kNone;
}

bool Http2Stream::held_back() const {
  return answer_ && !request.request_complete &&
         body_seen_bytes < answer_->early_after_body_bytes.value_or(0);
}

bool Http2Stream::has_content() const {
  const int status = answer_->response.status;
  if (request.request.method == "HEAD" || status == 204 || status == 304) return false;
  return answer_->response_body.size() > 0 || !answer_->response_trailers.empty() || cut_off();
}

uint64_t Http2Stream::due_us(uint64_t offset_us) const {
  if (settings_.pace <= 0) return 0;
  return request_end_us_ + static_cast<uint64_t>(static_cast<double>(offset_us) / settings_.pace);
}

uint64_t Http2Stream::head_due_us() const {
  return answer_ ? due_us(answer_->head_offset_us) : 0;
}

uint64_t Http2Stream::body_due_us() const {
  const auto& a = *answer_;
  if (boundary_ < a.boundaries.size()) return due_us(a.boundaries[boundary_].offset_us);
  const uint64_t size = a.response_body.size();
  if (body_sent_ >= size || !a.boundaries.empty()) return due_us(a.end_offset_us);
  // By length: spread over the time that it took.
  const double share = static_cast<double>(body_sent_) / static_cast<double>(size);
  const uint64_t took_us = a.end_offset_us - std::min(a.end_offset_us, a.head_offset_us);
  return due_us(a.head_offset_us + static_cast<uint64_t>(share * static_cast<double>(took_us)));
}

bool Http2Stream::body_ended() const {
  return body_sent_ >= answer_->response_body.size();
}

uint64_t Http2Stream::boundary_left() const {
  const auto& boundaries = answer_->boundaries;
  const uint64_t rest = answer_->response_body.size() - body_sent_;
  if (boundary_ >= boundaries.size()) return rest;
  return std::min(boundaries[boundary_].size_bytes - boundary_sent_, rest);
}

Result<std::string> Http2Stream::next_piece(size_t n) {
  const auto size = static_cast<size_t>(std::min<uint64_t>(n, boundary_left()));
  auto piece = answer_->response_body.read(body_sent_, size);
  if (!piece) return piece;
  if (piece->size() != size) {
    return Error{ErrorCode::kInvalid, "its body is shorter than it says"};
  }
  body_sent_ += size;
  boundary_sent_ += size;
  if (boundary_ < answer_->boundaries.size() &&
      boundary_sent_ >= answer_->boundaries[boundary_].size_bytes) {
    ++boundary_;
    boundary_sent_ = 0;
  }
  return piece;
}

}  // namespace recshim::gateway
