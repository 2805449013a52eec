// Sans-I/O HTTP/1.1 codec (llhttp inside): bytes of one direction in, events out.
// Does not know which program, socket or mode it serves. Everything outside this
// file and message.h must hold for HTTP/2 as well.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shim/base/result.h"
#include "shim/http/message.h"

namespace recshim::http {

struct Limits {
  size_t head_bytes = size_t{1} << 20;  // start line and headers together
  size_t chunk_line_bytes = size_t{16} << 10;
};

struct RequestStarted {
  RequestHead head;
  Framing framing;                // kNone, kLength or kChunked
  uint64_t length_bytes = 0;      // kLength
  bool expects_continue = false;  // RFC 9110 §10.1.1
  bool upgrade = false;           // Connection: upgrade with an Upgrade header
};
struct ResponseStarted {  // also each 1xx; those have no body and no MessageEnded
  ResponseHead head;
  Framing framing;
  uint64_t length_bytes = 0;
  bool keep_alive = true;
};
struct BodyData {
  std::string bytes;
};  // de-chunked
struct ChunkStarted {
  uint64_t size_bytes;
  std::string exact_line;
};  // see Boundary
struct ChunkEnded {};
// exact_trailers: the trailer section with the empty line that ends it, where
// serialize_fields(trailers) and CRLF would not give it. last_chunk_line: see Exchange.
struct MessageEnded {
  Headers trailers;
  std::string exact_trailers;
  std::string last_chunk_line;
};
// The bytes that follow are no longer HTTP/1.1: a CONNECT (any 2xx) or Upgrade (101) was
// accepted. Comes right after that ResponseStarted, in the place of MessageEnded; the
// parser takes no byte after it.
struct Switched {};

using Event = std::variant<RequestStarted, ResponseStarted, BodyData, ChunkStarted, ChunkEnded,
                           MessageEnded, Switched>;

// Parses the requests of one connection, one after another.
// Threads: external synchronisation.
class RequestParser {
 public:
  explicit RequestParser(Limits limits = {});
  ~RequestParser();
  RequestParser(RequestParser&&) noexcept;

  // bytes:   borrowed for this call.
  // events:  appended to, in order; also those that came before an error.
  // Returns: how many bytes were taken: all, unless held or switched (see resume()).
  // Errors:  kInvalid, kTooLarge; sticky.
  // Source:  RFC 9112 §3 (request line), §6.3 (body length), §7.1 (chunked).
  Result<size_t> feed(std::string_view bytes, std::vector<Event>& events);
  // As feed(), but takes no byte after the end of a message, so that what follows can still
  // be passed on as it came.
  Result<size_t> feed_one(std::string_view bytes, std::vector<Event>& events);
  // A CONNECT or Upgrade request holds the parser at its end until the response is
  // known: it takes no more bytes until resume(). switched: give up for good; it then
  // never takes another byte. No effect while nothing is held, unless switched.
  void resume(bool switched);
  // True from a request's first byte until its last.
  [[nodiscard]] bool mid_message() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Parses the responses of one connection. Threads: external synchronisation.
class ResponseParser {
 public:
  explicit ResponseParser(Limits limits = {});
  ~ResponseParser();
  ResponseParser(ResponseParser&&) noexcept;

  // The method of the next request in order, which decides body rules (HEAD,
  // CONNECT; RFC 9112 §6.3). feed() takes no byte of a response until its method
  // is known. Not to be called again for the final response after a 1xx.
  void expect(std::string_view method);
  // As RequestParser::feed.
  Result<size_t> feed(std::string_view bytes, std::vector<Event>& events);
  // The peer closed. kUntilClose bodies end (MessageEnded appended); returns false if a
  // message was cut short. The parser takes no byte afterwards.
  Result<bool> finish(std::vector<Event>& events);
  [[nodiscard]] bool mid_message() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// What the first bytes of a connection are.
enum class Protocol { kNeedMore, kHttp1, kHttp2, kTls, kOther };
// Looks at what a client sent first: an HTTP/1 method token and target, the HTTP/2
// preface (RFC 9113 §3.4), a TLS handshake record (RFC 8446 §5.1), or none of them. The
// answer comes with the earliest byte that decides; kNeedMore ends within 64 KiB.
Protocol sniff(std::string_view first_bytes);

// Undoes Content-Encoding (gzip, deflate raw or zlib, br, zstd, identity; lists applied
// in reverse; RFC 9110 §8.4). kUnsupported for an unknown coding, kInvalid for broken or
// cut off data, kTooLarge beyond max_bytes (also on the way through a list). An empty
// body decodes to an empty one whatever coding it names.
Result<std::string> decode_content(std::string_view encoded, std::string_view content_encoding,
                                   size_t max_bytes);

// body (under 4 GiB) as gzip, always the same bytes for the same body; empty without memory.
std::string gzip_content(std::string_view body);

}  // namespace recshim::http
