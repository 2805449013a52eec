// Listens to both directions of an HTTP/2 connection and makes an exchange of each of its streams,
// as RecordConnection does for HTTP/1.1. Takes no part: frames pass as they are.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "shim/flow/connection.h"
#include "shim/flow/exchange_recorder.h"
#include "shim/http/http2_frames.h"

namespace recshim::flow {

// Threads: external synchronisation.
class Http2Recorder {
 public:
  // Whether a request is to be recorded, and for which origin.
  using Decide = std::function<bool(const http::RequestHead& head, http::Origin& origin)>;
  // owner: for its stamp and sent. All borrowed, must outlive it.
  Http2Recorder(const RecordConnection& owner, Decide decide, const Settings& settings);

  // Errors: what can't be read; no more bytes are taken then, and what is open is lost.
  Status on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out);
  Status on_server_bytes(std::string_view bytes, uint64_t now_us, Commands& out);
  void on_server_end(End end, uint64_t now_us, Commands& out);
  void on_client_end(uint64_t now_us, Commands& out);
  // Nothing will become of the open exchanges, and why.
  void lose_open(std::string_view reason, Commands& out);
  [[nodiscard]] bool busy() const { return !open_.empty(); }

 private:
  struct Stream {
    ExchangeRecorder recorder;
    bool recorded = false;  // its origin is ours
  };
  using Streams = std::map<uint32_t, Stream>;

  Status on_client(http::Http2Head& head, uint64_t now_us, Commands& out);
  Status on_client(http::Http2Data& data, uint64_t now_us, Commands& out);
  Status on_client(http::Http2Reset& reset, uint64_t now_us, Commands& out);
  Status on_server(http::Http2Head& head, uint64_t now_us, Commands& out);
  Status on_server(http::Http2Data& data, uint64_t now_us, Commands& out);
  Status on_server(http::Http2Reset& reset, uint64_t now_us, Commands& out);

  Status begin(http::Http2Head& head, uint64_t now_us, Commands& out);
  Status pump_server(Commands& out);
  void end_request(Streams::iterator at, http::Headers trailers, uint64_t now_us, Commands& out);
  void end_response(Streams::iterator at, http::Headers trailers, uint64_t now_us, Commands& out);
  void close(Streams::iterator at, Commands& out);

  const RecordConnection& owner_;
  const Decide decide_;
  const Settings& settings_;
  http::Http2FrameReader client_;
  http::Http2FrameReader server_;
  Streams open_;
  uint32_t last_stream_ = 0;  // the newest that the client has opened
  // What the server has sent, with the times it came at; it may have been read before the write of
  // its request has been seen.
  std::deque<std::pair<http::Http2Event, uint64_t>> from_server_;
  size_t waiting_bytes_ = 0;
};

}  // namespace recshim::flow
