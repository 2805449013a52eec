// The server's side of one HTTP/2 connection in replay (nghttp2 inside): bytes of the client in,
// requests out; answers in, bytes for the client out. Each stream is answered for itself. Does no
// I/O and looks nothing up.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"
#include "tools/gateway/http2_stream.h"

namespace recshim::gateway {

// Threads: external synchronisation.
class Http2Server {
 public:
  // settings: borrowed, must outlive it.
  Http2Server(http::Origin origin, const flow::Settings& settings);
  ~Http2Server();
  Http2Server(const Http2Server&) = delete;
  Http2Server& operator=(const Http2Server&) = delete;

  // Given to each request when its head arrives.
  std::function<flow::RecordConnection::Stamp()> stamp;

  // Takes all bytes. What breaks the protocol ends the connection, as it wants.
  void on_client_bytes(std::string_view bytes, uint64_t now_us);
  // The next that wants an answer, in the order in which they became ready: a whole request, or one
  // (early) whose body is on its way. Valid until the next on_client_bytes() or output(); null:
  // none.
  struct Asked {
    Http2Stream* stream = nullptr;
    bool early = false;
  };
  Asked next_asked();

  // Bytes that are due for the client, about 64 KiB at a time; empty: none now.
  std::string output(uint64_t now_us);
  // When more is due; nullopt: nothing waits on time.
  [[nodiscard]] std::optional<uint64_t> next_due_us() const;
  // Nothing more will come of this connection, once output() is empty.
  [[nodiscard]] bool over() const;
  // Why an answer that had begun could not go on, once. Empty: none.
  std::string take_failure();
  // A request that its program has given up before it was whole and anything had answered it, once
  // each. The program may have waited for an answer before it says more.
  std::optional<http::Exchange> take_abandoned();
  // The client is gone: what it has not asked whole is abandoned.
  void on_client_end();

 private:
  struct Callbacks;
  void begin(int32_t id);
  void head_ended(Http2Stream& stream, bool ends);
  void request_ended(Http2Stream& stream);
  void abandon(Http2Stream& stream);
  void submit(Http2Stream& stream);
  void submit_due(uint64_t now_us);
  Http2Stream* find(int32_t id);

  const http::Origin origin_;
  const flow::Settings& settings_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, std::unique_ptr<Http2Stream>> streams_;
  struct Waiting {
    int32_t stream;
    bool early;
  };
  std::deque<Waiting> asked_;
  uint64_t now_us_ = 0;
  bool broken_ = false;
  std::string failure_;
  std::deque<http::Exchange> abandoned_;
};

}  // namespace recshim::gateway
