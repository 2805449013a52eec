#include "tests/unit/gateway/http2_client.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace recshim::gateway::testing {

struct Http2Client::Callbacks {
  static Http2Client& self(void* user) { return *static_cast<Http2Client*>(user); }
  static std::string text(const uint8_t* bytes, size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t n,
                       const uint8_t* value, size_t v, uint8_t, void* user) {
    Stream& stream = self(user).streams_[frame->hd.stream_id];
    const bool trails = frame->headers.cat == NGHTTP2_HCAT_HEADERS && !stream.head.empty() &&
                        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    (trails ? stream.trailers : stream.head).push_back({text(name, n), text(value, v)});
    return 0;
  }
  static int on_data(nghttp2_session*, uint8_t, int32_t id, const uint8_t* bytes, size_t size,
                     void* user) {
    self(user).streams_[id].body += text(bytes, size);
    return 0;
  }
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    if (frame->hd.type == NGHTTP2_GOAWAY) self(user).goaway_ = true;
    if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) {
      self(user).pong_ = true;
    }
    if (frame->hd.type == NGHTTP2_DATA && frame->hd.length > 0) {
      ++self(user).streams_[frame->hd.stream_id].frames;
    }
    return 0;
  }
  static int on_close(nghttp2_session*, int32_t id, uint32_t error, void* user) {
    self(user).streams_[id].closed = true;
    self(user).streams_[id].error = error;
    return 0;
  }
  static ssize_t read(nghttp2_session*, int32_t id, uint8_t* out, size_t size, uint32_t* flags,
                      nghttp2_data_source*, void* user) {
    Stream& stream = self(user).streams_[id];
    const size_t n = std::min(size, stream.to_send.size() - stream.sent);
    std::memcpy(out, stream.to_send.data() + stream.sent, n);
    stream.sent += n;
    if (stream.sent < stream.to_send.size()) return static_cast<ssize_t>(n);
    if (stream.holds_back && n == 0) return NGHTTP2_ERR_DEFERRED;
    if (stream.holds_back) return static_cast<ssize_t>(n);
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(n);
  }
};

Http2Client::Http2Client(Wire& wire, bool pieces) : wire_(wire), pieces_(pieces) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, Callbacks::on_frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_session_client_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
}

int32_t Http2Client::ask(const http::Headers& fields, const std::string& body, bool holds_back) {
  std::vector<nghttp2_nv> views;
  for (const auto& field : fields) {
    views.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                     reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                     field.name.size(), field.value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  nghttp2_data_provider provider{};
  provider.read_callback = Callbacks::read;
  const bool has_body = !body.empty() || holds_back;
  const int32_t id = nghttp2_submit_request(session_, nullptr, views.data(), views.size(),
                                            has_body ? &provider : nullptr, nullptr);
  streams_[id].to_send = body;
  streams_[id].holds_back = holds_back;
  return id;
}

int32_t Http2Client::get(const std::string& path) {
  return ask(
      {{":method", "GET"}, {":scheme", "https"}, {":authority", "api.test"}, {":path", path}});
}

void Http2Client::send() {
  const uint8_t* bytes = nullptr;
  for (;;) {
    const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n <= 0) return;
    const std::string text = Callbacks::text(bytes, static_cast<size_t>(n));
    if (!pieces_) {
      wire_.write(text);
      continue;
    }
    for (const char c : text) wire_.write(std::string(1, c));
  }
}

bool Http2Client::read_some() {
  const std::string bytes = wire_.read_n(1);
  if (bytes.empty()) return false;
  nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  send();
  return true;
}

const Http2Client::Stream& Http2Client::await(int32_t id) {
  send();
  while (!streams_[id].closed && read_some()) {
  }
  return streams_[id];
}

void Http2Client::cancel(int32_t id) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
  send();
}

void Http2Client::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
  send();
}

bool Http2Client::await_pong() {
  while (!pong_ && read_some()) {
  }
  return pong_;
}

void Http2Client::read_to_end() {
  while (read_some()) {
  }
}

}  // namespace recshim::gateway::testing
