// See http2_server.h.
#include "tools/gateway/http2_server.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "shim/flow/origin.h"
#include "shim/http/http2_message.h"

namespace recshim::gateway {
namespace {

constexpr size_t kOutputBytes = size_t{64} << 10;
constexpr uint32_t kMaxStreams = 1000;
constexpr int32_t kStreamWindowBytes = 1 << 20;
constexpr int32_t kConnectionWindowBytes = 16 << 20;

std::string_view text(const uint8_t* bytes, size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Borrows the strings of fields, which must outlive it.
std::vector<nghttp2_nv> views(const http::Headers& fields) {
  std::vector<nghttp2_nv> out;
  out.reserve(fields.size());
  for (const auto& field : fields) {
    // nghttp2 takes what it does not change without const.
    out.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                   reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                   field.name.size(), field.value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

}  // namespace

// What nghttp2 calls, on behalf of the server that is its user data.
struct Http2Server::Callbacks {
  static Http2Server& self(void* user_data) { return *static_cast<Http2Server*>(user_data); }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
      self(user).begin(frame->hd.stream_id);
    }
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                       size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                       void* user) {
    if (Http2Stream* stream = self(user).find(frame->hd.stream_id)) {
      stream->fields.push_back(
          {std::string(text(name, name_size)), std::string(text(value, value_size))});
    }
    return 0;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Http2Stream* const stream = self(user).find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    const bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !stream->head_seen) {
      self(user).head_ended(*stream, ends);
    } else if (frame->hd.type == NGHTTP2_HEADERS) {
      stream->request.request_trailers = std::move(stream->fields);
      stream->fields.clear();
    }
    if (ends && (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)) {
      self(user).request_ended(*stream);
    }
    return 0;
  }

  static int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                     void* user) {
    // A failure leaves the body broken(), which is looked at when it has ended.
    Http2Stream* const stream = self(user).find(id);
    if (stream == nullptr) return 0;
    stream->body_seen_bytes += size;
    if (!stream->answered()) (void)stream->request.request_body.append(text(bytes, size));
    return 0;
  }

  static int on_stream_close(nghttp2_session*, int32_t id, uint32_t, void* user) {
    if (Http2Stream* const stream = self(user).find(id)) self(user).abandon(*stream);
    self(user).streams_.erase(id);
    return 0;
  }

  // Gives a piece of a response's body: of one boundary, when it is due.
  static ssize_t read(nghttp2_session* session, int32_t id, uint8_t* buffer, size_t size,
                      uint32_t* flags, nghttp2_data_source*, void* user) {
    Http2Server& server = self(user);
    Http2Stream* const stream = server.find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (stream->body_due_us() > server.now_us_) {
      stream->waits_on_time = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    std::string piece;
    if (!stream->body_ended()) {
      auto next = stream->next_piece(size);
      if (!next) {
        server.failure_ = "a recorded body can't be read: " + next.error().message;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      }
      piece = std::move(*next);
      std::memcpy(buffer, piece.data(), piece.size());
      // The end has a time of its own.
      if (!stream->body_ended() || stream->cut_off() || stream->body_due_us() > server.now_us_) {
        return static_cast<ssize_t>(piece.size());
      }
    } else if (stream->cut_off()) {
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;  // resets the stream
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    const http::Headers trailers = http::http2_trailers(stream->answer().response_trailers);
    if (!trailers.empty()) {
      const auto fields = views(trailers);
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      nghttp2_submit_trailer(session, id, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(piece.size());
  }
};

Http2Server::Http2Server(http::Origin origin, const flow::Settings& settings)
    : origin_(std::move(origin)), settings_(settings) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, Callbacks::on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame_recv);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_stream_close);
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(settings.limits.head_bytes)}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, std::size(entries));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes);
}

Http2Server::~Http2Server() {
  nghttp2_session_del(session_);
}

Http2Stream* Http2Server::find(int32_t id) {
  const auto at = streams_.find(id);
  return at == streams_.end() ? nullptr : at->second.get();
}

void Http2Server::on_client_bytes(std::string_view bytes, uint64_t now_us) {
  now_us_ = now_us;
  if (broken_) return;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  // A breach of the protocol is answered with GOAWAY by nghttp2; these are what it can't answer.
  broken_ = taken < 0;
}

void Http2Server::begin(int32_t id) {
  auto stream = std::make_unique<Http2Stream>(id, settings_);
  auto stamped = stamp ? stamp() : flow::RecordConnection::Stamp();
  stream->request.test_id = std::move(stamped.test_id);
  stream->request.test_phase = std::move(stamped.phase);
  stream->request.started_wall_us = stamped.wall_us;
  streams_[id] = std::move(stream);
}

void Http2Server::head_ended(Http2Stream& stream, bool ends) {
  stream.head_seen = true;
  auto head = http::http2_request(std::move(stream.fields));
  stream.fields.clear();
  if (!head || head->method == "CONNECT") {
    failure_ = "a CONNECT inside of HTTP/2 cannot be replayed";
    return stream.reset();
  }
  stream.request.origin = flow::request_origin(origin_, *head);
  stream.request.request = std::move(*head);
  // Asked by address, it may yet be a host that is excluded by name.
  const bool named_late = stream.request.origin.host != origin_.host;
  if (named_late && settings_.is_configured &&
      !settings_.is_configured(stream.request.origin, origin_.host)) {
    failure_ = "a request for " + http::origin_url(stream.request.origin) +
               ", which is not configured, over HTTP/2";
    return stream.reset();
  }
  if (!ends) asked_.push_back({stream.id(), true});
}

void Http2Server::request_ended(Http2Stream& stream) {
  stream.request_ended(now_us_);
  if (stream.answered()) return;
  if (stream.request.request_body.broken()) {
    failure_ = "the request's body could not be kept, so it can't be looked up";
    return stream.reset();
  }
  asked_.push_back({stream.id(), false});
}

Http2Server::Asked Http2Server::next_asked() {
  while (!asked_.empty()) {
    const Waiting next = asked_.front();
    asked_.pop_front();
    Http2Stream* const stream = find(next.stream);
    if (stream != nullptr && !stream->answered()) return {stream, next.early};
  }
  return {};
}

void Http2Server::abandon(Http2Stream& stream) {
  const bool waited = stream.head_seen && !stream.request.request_complete && !stream.answered();
  if (waited) abandoned_.push_back(std::move(stream.request));
}

void Http2Server::on_client_end() {
  for (auto& [id, stream] : streams_) abandon(*stream);
  streams_.clear();
}

std::optional<http::Exchange> Http2Server::take_abandoned() {
  if (abandoned_.empty()) return std::nullopt;
  auto first = std::move(abandoned_.front());
  abandoned_.pop_front();
  return first;
}

// Gives an answer's head to nghttp2, which asks for its body.
void Http2Server::submit(Http2Stream& stream) {
  stream.submitted = true;
  if (stream.resets_at_once()) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id(), NGHTTP2_INTERNAL_ERROR);
    return;
  }
  for (const auto& informational : stream.answer().informational) {
    if (informational.status == 100 || informational.status == 101) continue;
    const http::Headers fields = http::http2_fields(informational);
    const auto borrowed = views(fields);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id(), nullptr, borrowed.data(),
                           borrowed.size(), nullptr);
  }
  const http::Headers fields = http::http2_fields(stream.answer().response);
  const auto borrowed = views(fields);
  nghttp2_data_provider body{};
  body.read_callback = Callbacks::read;
  nghttp2_submit_response(session_, stream.id(), borrowed.data(), borrowed.size(),
                          stream.has_content() ? &body : nullptr);
}

void Http2Server::submit_due(uint64_t now_us) {
  for (auto& [id, stream] : streams_) {
    if (stream->take_continue()) {
      const http::Headers fields = {{":status", "100"}};
      const auto borrowed = views(fields);
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, borrowed.data(),
                             borrowed.size(), nullptr);
    }
    if (!stream->submitted && stream->answered() && !stream->held_back() &&
        stream->head_due_us() <= now_us) {
      submit(*stream);
    }
    if (stream->waits_on_time && stream->body_due_us() <= now_us) {
      stream->waits_on_time = false;
      nghttp2_session_resume_data(session_, id);
    }
  }
}

std::string Http2Server::output(uint64_t now_us) {
  now_us_ = now_us;
  submit_due(now_us);
  std::string out;
  while (!broken_ && out.size() < kOutputBytes) {
    const uint8_t* bytes = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n < 0) broken_ = true;
    if (n <= 0) break;
    out += text(bytes, static_cast<size_t>(n));
  }
  return out;
}

std::optional<uint64_t> Http2Server::next_due_us() const {
  std::optional<uint64_t> next;
  for (const auto& [id, stream] : streams_) {
    if (!stream->answered() || stream->resets_at_once() || stream->held_back()) continue;
    const bool waits = !stream->submitted || stream->waits_on_time;
    const uint64_t due = stream->submitted ? stream->body_due_us() : stream->head_due_us();
    if (waits && (!next || due < *next)) next = due;
  }
  return next;
}

bool Http2Server::over() const {
  return broken_ ||
         (nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0);
}

std::string Http2Server::take_failure() {
  return std::exchange(failure_, {});
}

}  // namespace recshim::gateway
