// A client of HTTP/2 (nghttp2) over a Wire: asks, and tells what came of each stream.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>

#include "shim/http/message.h"
#include "tests/unit/gateway/support.h"

namespace recshim::gateway::testing {

class Http2Client {
 public:
  struct Stream {
    http::Headers head;
    http::Headers trailers;
    std::string body;
    int frames = 0;  // of DATA that held anything
    bool closed = false;
    uint32_t error = 0;  // RFC 9113 §7
    std::string to_send;
    size_t sent = 0;
    bool holds_back = false;  // the end of the request is not sent
  };

  // pieces: bytes are given to the other side one by one.
  explicit Http2Client(Wire& wire, bool pieces = false);
  ~Http2Client() { nghttp2_session_del(session_); }
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  // Returns the stream's number. body: of a POST.
  int32_t ask(const http::Headers& fields, const std::string& body = "", bool holds_back = false);
  int32_t get(const std::string& path);
  void send();
  // Reads until the stream has ended, or the connection.
  const Stream& await(int32_t id);
  Stream& stream(int32_t id) { return streams_[id]; }
  void cancel(int32_t id);
  void ping();
  bool await_pong();
  // The other side has said that it goes.
  [[nodiscard]] bool told_to_go() const { return goaway_; }
  // Reads until the connection ends.
  void read_to_end();

 private:
  struct Callbacks;
  bool read_some();
  Wire& wire_;
  const bool pieces_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Stream> streams_;
  bool goaway_ = false;
  bool pong_ = false;
};

}  // namespace recshim::gateway::testing
