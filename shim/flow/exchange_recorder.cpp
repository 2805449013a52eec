// One exchange in the making. See exchange_recorder.h.
#include "shim/flow/exchange_recorder.h"

#include <fmt/format.h>

#include <algorithm>

#include "shim/flow/origin.h"
#include "shim/flow/stream_end.h"

namespace recshim::flow {
namespace {

constexpr uint64_t kMaxFramingBytes = uint64_t{48} << 20;

uint64_t wire_size(const http::ResponseHead& head) {
  return head.exact.empty() ? http::serialize(head).size() : head.exact.size();
}

}  // namespace

ExchangeRecorder::ExchangeRecorder(http::RequestStarted started, http::Origin origin, bool keeps,
                                   const Settings& settings)
    : exchange_(std::make_unique<http::Exchange>()),
      keeps_(keeps),
      client_asked_to_close_(asks_to_close(started.head)) {
  exchange_->origin = std::move(origin);
  exchange_->request = std::move(started.head);
  exchange_->request_complete = false;
  exchange_->request_body.set_spill(settings.env, settings.spill_dir);
  exchange_->response_body.set_spill(settings.env, settings.record_dir);
}

void ExchangeRecorder::step(TurnStep step) {
  if (const auto to = next(turn_, step)) turn_ = *to;
}

bool ExchangeRecorder::request_whole() const {
  return turn_ == Turn::kSent || turn_ == Turn::kAnswering || turn_ == Turn::kDone;
}
bool ExchangeRecorder::response_begun() const {
  return turn_ != Turn::kSending && turn_ != Turn::kSent;
}
bool ExchangeRecorder::response_whole() const {
  return turn_ == Turn::kAnsweredEarly || turn_ == Turn::kDone;
}
bool ExchangeRecorder::too_large() const {
  return framing_bytes_ > kMaxFramingBytes;
}

uint64_t ExchangeRecorder::offset_us(uint64_t now_us) const {
  // Before the request's end there is no offset to tell: such bytes come at once.
  return request_end_us_ && now_us > *request_end_us_ ? now_us - *request_end_us_ : 0;
}

// A failed append leaves the body broken(), which is looked at before it is saved.
void ExchangeRecorder::request_body(std::string_view bytes) {
  if (keeps_ && exchange_) (void)exchange_->request_body.append(bytes);
}

void ExchangeRecorder::request_end(http::Headers trailers, uint64_t now_us) {
  request_end_us_ = now_us;
  if (exchange_) {
    exchange_->request_trailers = std::move(trailers);
    exchange_->request_complete = true;
  }
  step(TurnStep::kRequestEnd);
}

void ExchangeRecorder::raw_response(std::string_view bytes) {
  raw_bytes_ += bytes.size();
  piece_start_ = recent_.size();
  recent_ += bytes;
}

void ExchangeRecorder::parsed(uint64_t bytes) {
  parsed_bytes_ += bytes;
  recent_.erase(0, piece_start_);
  piece_start_ = 0;
}

void ExchangeRecorder::informational(http::ResponseHead head) {
  const uint64_t size = wire_size(head);
  parsed(size);
  framing_bytes_ += size + sizeof head;
  exchange_->informational.push_back(std::move(head));
}

void ExchangeRecorder::response_head(http::ResponseStarted started, uint64_t now_us) {
  const uint64_t size = wire_size(started.head);
  parsed(size);
  framing_bytes_ += size;
  auto& ex = *exchange_;
  if (!request_whole()) ex.early_after_body_bytes = ex.request_body.size();
  ex.response = std::move(started.head);
  ex.framing = started.framing;
  ex.closed_after = !started.keep_alive || client_asked_to_close_ ||
                    started.framing == http::Framing::kUntilClose;
  ex.head_offset_us = offset_us(now_us);
  step(TurnStep::kResponseHead);
}

void ExchangeRecorder::response_body(std::string_view bytes) {
  parsed(bytes.size());
  if (keeps_) (void)exchange_->response_body.append(bytes);
}

void ExchangeRecorder::chunk_started(http::ChunkStarted chunk) {
  const uint64_t line_bytes = chunk.exact_line.empty()
                                  ? fmt::formatted_size("{:x}", chunk.size_bytes)
                                  : chunk.exact_line.size();
  parsed(line_bytes + 2);
  chunk_ = std::move(chunk);
  chunk_start_ = exchange_->response_body.size();
}

void ExchangeRecorder::add_boundary(uint64_t size_bytes, uint64_t now_us) {
  if (keeps_) {
    framing_bytes_ += sizeof(http::Boundary) + chunk_->exact_line.size();
    exchange_->boundaries.push_back({size_bytes, offset_us(now_us), std::move(chunk_->exact_line)});
  }
  chunk_.reset();
}

void ExchangeRecorder::chunk_ended(uint64_t now_us) {
  if (!chunk_) return;
  parsed(2);
  add_boundary(chunk_->size_bytes, now_us);
}

void ExchangeRecorder::response_end(http::MessageEnded end, uint64_t now_us) {
  auto& ex = *exchange_;
  ex.response_trailers = std::move(end.trailers);
  ex.exact_trailers = std::move(end.exact_trailers);
  ex.last_chunk_line = std::move(end.last_chunk_line);
  ex.end_offset_us = offset_us(now_us);
  step(TurnStep::kResponseEnd);
}

std::string ExchangeRecorder::unparsed_tail() const {
  const uint64_t n = raw_bytes_ > parsed_bytes_ ? raw_bytes_ - parsed_bytes_ : 0;
  return n > recent_.size() ? recent_ : recent_.substr(recent_.size() - n);
}

void ExchangeRecorder::cut(http::Truncation truncation, uint64_t now_us) {
  auto& ex = *exchange_;
  std::string tail = unparsed_tail();
  ex.truncation = truncation;
  ex.end_offset_us = offset_us(now_us);
  if (!response_begun()) {
    // No head: the status stays 0 and exact holds the bytes that did come.
    ex.head_offset_us = ex.end_offset_us;
    ex.response.exact = std::move(tail);
    ex.closed_after = true;
    if (!request_whole()) ex.early_after_body_bytes = ex.request_body.size();
    step(TurnStep::kResponseHead);
  } else if (ex.framing == http::Framing::kChunked) {
    const bool chunk_open = chunk_.has_value();
    if (chunk_open) add_boundary(chunk_->size_bytes, now_us);
    // All that followed the last data: the CRLF of a whole chunk is part of it.
    if (!tail.empty()) {
      ex.exact_trailers = (chunk_open || ex.boundaries.empty() ? "" : "\r\n") + tail;
    }
  }
  step(TurnStep::kResponseEnd);
}

void ExchangeRecorder::client_left(uint64_t now_us) {
  auto& ex = *exchange_;
  // A body by length that is short can't be told as complete: its head promises more.
  const bool over = response_begun() && ex.framing != http::Framing::kLength &&
                    stream_is_over(ex.response, ex.response_body);
  if (!over) {
    cut(http::Truncation::kClient, now_us);
    return;
  }
  if (chunk_ && ex.response_body.size() > chunk_start_) {
    const uint64_t seen = ex.response_body.size() - chunk_start_;
    if (seen != chunk_->size_bytes) chunk_->exact_line.clear();
    add_boundary(seen, now_us);
  }
  response_end({}, now_us);
}

}  // namespace recshim::flow
