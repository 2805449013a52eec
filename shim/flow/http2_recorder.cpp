// See http2_recorder.h.
#include "shim/flow/http2_recorder.h"

#include <charconv>

#include "shim/http/http2_message.h"

namespace recshim::flow {
namespace {

constexpr size_t kMaxOpenStreams = 1024;
constexpr size_t kMaxWaitingBytes = size_t{64} << 20;

Error unreadable(const char* who) {
  return {ErrorCode::kInvalid, std::string(who) + " HTTP/2 message has no proper head"};
}

uint32_t stream_of(const http::Http2Event& event) {
  return std::visit([](const auto& each) { return each.stream; }, event);
}

size_t size_of(const http::Http2Event& event) {
  const auto* data = std::get_if<http::Http2Data>(&event);
  return sizeof event + (data != nullptr ? data->bytes.size() : 0);
}

// A body by length where the head says so, else one whose frames are kept like chunks.
http::ResponseStarted started(http::ResponseHead head, bool ends) {
  http::ResponseStarted out;
  const auto length = http::find_header(head.headers, "content-length").value_or("");
  const auto [end, error] =
      std::from_chars(length.data(), length.data() + length.size(), out.length_bytes);
  const bool has_length =
      !length.empty() && error == std::errc() && end == length.data() + length.size();
  out.framing = has_length ? http::Framing::kLength
                : ends     ? http::Framing::kNone
                           : http::Framing::kChunked;
  out.head = std::move(head);
  return out;
}

}  // namespace

Http2Recorder::Http2Recorder(const RecordConnection& owner, Decide decide, const Settings& settings)
    : owner_(owner),
      decide_(std::move(decide)),
      settings_(settings),
      client_(http::Http2FrameReader::Side::kClient, settings.limits),
      server_(http::Http2FrameReader::Side::kServer, settings.limits) {}

Status Http2Recorder::on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out) {
  std::vector<http::Http2Event> events;
  Status read = client_.feed(bytes, events);
  for (auto& event : events) {
    Status done = std::visit([&](auto& each) { return on_client(each, now_us, out); }, event);
    if (!done) return done;
  }
  if (!read) return read;
  return pump_server(out);
}

Status Http2Recorder::on_server_bytes(std::string_view bytes, uint64_t now_us, Commands& out) {
  std::vector<http::Http2Event> events;
  const Status read = server_.feed(bytes, events);
  for (auto& event : events) {
    waiting_bytes_ += size_of(event);
    from_server_.emplace_back(std::move(event), now_us);
  }
  Status done = pump_server(out);
  if (!done) return done;
  if (!read) return read;
  if (waiting_bytes_ > kMaxWaitingBytes) {
    return Error{ErrorCode::kTooLarge, "the server is more than 64 MiB ahead of the client"};
  }
  return {};
}

Status Http2Recorder::pump_server(Commands& out) {
  while (!from_server_.empty()) {
    auto& [event, now_us] = from_server_.front();
    const uint32_t stream = stream_of(event);
    if (stream % 2 == 1 && stream > last_stream_) break;  // not asked for yet
    waiting_bytes_ -= size_of(event);
    Status done =
        std::visit([&, us = now_us](auto& each) { return on_server(each, us, out); }, event);
    from_server_.pop_front();
    if (!done) return done;
  }
  return {};
}

Status Http2Recorder::begin(http::Http2Head& head, uint64_t now_us, Commands& out) {
  auto request = http::http2_request(std::move(head.fields));
  if (!request) return unreadable("the client's");
  if (open_.size() >= kMaxOpenStreams) {
    return Error{ErrorCode::kTooLarge, "more streams are open at once than can be followed"};
  }
  last_stream_ = head.stream;
  http::Origin origin;
  const bool recorded = request->method != "CONNECT" && decide_(*request, origin);
  http::RequestStarted begun;
  begun.head = std::move(*request);
  const auto at =
      open_
          .emplace(
              head.stream,
              Stream{ExchangeRecorder(std::move(begun), origin, recorded, settings_), recorded})
          .first;
  auto stamp = owner_.stamp ? owner_.stamp() : RecordConnection::Stamp();
  http::Exchange& exchange = *at->second.recorder.exchange();
  exchange.test_id = std::move(stamp.test_id);
  exchange.test_phase = std::move(stamp.phase);
  exchange.started_wall_us = stamp.wall_us;
  if (head.ends) end_request(at, {}, now_us, out);
  return {};
}

Status Http2Recorder::on_client(http::Http2Head& head, uint64_t now_us, Commands& out) {
  if (head.stream > last_stream_) return begin(head, now_us, out);
  const auto at = open_.find(head.stream);
  if (at != open_.end() && head.ends) end_request(at, std::move(head.fields), now_us, out);
  return {};
}

Status Http2Recorder::on_client(http::Http2Data& data, uint64_t now_us, Commands& out) {
  const auto at = open_.find(data.stream);
  if (at == open_.end()) return {};
  at->second.recorder.request_body(data.bytes);
  if (data.ends) end_request(at, {}, now_us, out);
  return {};
}

Status Http2Recorder::on_client(http::Http2Reset& reset, uint64_t now_us, Commands& out) {
  const auto at = open_.find(reset.stream);
  if (at == open_.end()) return {};
  auto& recorder = at->second.recorder;
  if (recorder.response_begun()) {
    if (!recorder.response_whole()) recorder.client_left(now_us);
    close(at, out);
    return {};
  }
  auto exchange = recorder.take();
  if (at->second.recorded) {
    out.emplace_back(
        Unrecorded{std::move(exchange), "the program cancelled it before an answer came"});
  }
  open_.erase(at);
  return {};
}

void Http2Recorder::end_request(Streams::iterator at, http::Headers trailers, uint64_t now_us,
                                Commands& out) {
  auto& recorder = at->second.recorder;
  if (recorder.request_whole()) return;
  const bool answered = recorder.response_whole();
  recorder.request_end(std::move(trailers), now_us);
  if (at->second.recorded && owner_.sent) owner_.sent(*recorder.exchange());
  if (answered) close(at, out);
}

Status Http2Recorder::on_server(http::Http2Head& head, uint64_t now_us, Commands& out) {
  const auto at = open_.find(head.stream);
  if (at == open_.end()) return {};
  auto& recorder = at->second.recorder;
  if (recorder.response_whole()) return {};
  if (recorder.response_begun()) {
    if (head.ends) end_response(at, std::move(head.fields), now_us, out);
    return {};
  }
  auto response = http::http2_response(std::move(head.fields));
  if (!response) return unreadable("the server's");
  if (response->status < 200) {
    recorder.informational(std::move(*response));
  } else {
    recorder.response_head(started(std::move(*response), head.ends), now_us);
    if (head.ends) end_response(at, {}, now_us, out);
  }
  return {};
}

Status Http2Recorder::on_server(http::Http2Data& data, uint64_t now_us, Commands& out) {
  const auto at = open_.find(data.stream);
  if (at == open_.end()) return {};
  auto& recorder = at->second.recorder;
  if (!recorder.response_begun() || recorder.response_whole()) return {};
  if (!data.bytes.empty()) {
    const bool framed = recorder.exchange()->framing == http::Framing::kChunked;
    if (framed) recorder.chunk_started({data.bytes.size(), ""});
    recorder.response_body(data.bytes);
    if (framed) recorder.chunk_ended(now_us);
  }
  if (recorder.too_large()) {
    return Error{ErrorCode::kTooLarge, "a response has more heads and frames than can be kept"};
  }
  if (data.ends) end_response(at, {}, now_us, out);
  return {};
}

Status Http2Recorder::on_server(http::Http2Reset& reset, uint64_t now_us, Commands& out) {
  const auto at = open_.find(reset.stream);
  if (at == open_.end()) return {};
  auto& recorder = at->second.recorder;
  // After a whole response it only says that the rest of the request is not wanted.
  if (!recorder.response_whole()) recorder.cut(http::Truncation::kReset, now_us);
  close(at, out);
  return {};
}

void Http2Recorder::end_response(Streams::iterator at, http::Headers trailers, uint64_t now_us,
                                 Commands& out) {
  http::MessageEnded end;
  end.trailers = std::move(trailers);
  at->second.recorder.response_end(std::move(end), now_us);
  // Otherwise the rest of the request is on its way, or will be given up by either side.
  if (at->second.recorder.turn() == Turn::kDone) close(at, out);
}

// The exchange is as whole as it gets.
void Http2Recorder::close(Streams::iterator at, Commands& out) {
  auto exchange = at->second.recorder.take();
  const bool recorded = at->second.recorded;
  open_.erase(at);
  if (!exchange || !recorded) return;
  if (exchange->request_body.broken() || exchange->response_body.broken()) {
    out.emplace_back(Unrecorded{std::move(exchange), "its body could not be kept"});
    return;
  }
  out.emplace_back(Save{std::move(exchange)});
}

void Http2Recorder::on_server_end(End end, uint64_t now_us, Commands& out) {
  const auto truncation = end == End::kEof      ? http::Truncation::kEof
                          : end == End::kRagged ? http::Truncation::kRagged
                                                : http::Truncation::kReset;
  for (auto at = open_.begin(); at != open_.end();) {
    auto& recorder = at->second.recorder;
    const auto next = std::next(at);
    // What had not been asked whole may not have been seen at all.
    if (recorder.request_whole() || recorder.response_begun()) {
      if (!recorder.response_whole()) recorder.cut(truncation, now_us);
      close(at, out);
    }
    at = next;
  }
  lose_open("the server closed before it answered", out);
}

void Http2Recorder::on_client_end(uint64_t now_us, Commands& out) {
  for (auto at = open_.begin(); at != open_.end();) {
    auto& recorder = at->second.recorder;
    const auto next = std::next(at);
    if (recorder.response_begun()) {
      if (!recorder.response_whole()) recorder.client_left(now_us);
      close(at, out);
    }
    at = next;
  }
  lose_open("the program closed before an answer came", out);
}

void Http2Recorder::lose_open(std::string_view reason, Commands& out) {
  for (auto& [id, stream] : open_) {
    auto exchange = stream.recorder.take();
    if (exchange && stream.recorded) {
      out.emplace_back(Unrecorded{std::move(exchange), std::string(reason)});
    }
  }
  open_.clear();
}

}  // namespace recshim::flow
