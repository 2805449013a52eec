// HTTP messages as values: heads, headers, framing, and the Exchange that the flow
// core makes from a connection and the store files. Knows no sockets and no files.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/body.h"

namespace recshim::http {

struct Header {
  std::string name;   // as on the wire
  std::string value;  // without the white space around it
  bool operator==(const Header&) const = default;
};
using Headers = std::vector<Header>;

// First value of a header, compared without case (RFC 9110 §5.1); empty optional if absent.
std::optional<std::string_view> find_header(const Headers& headers, std::string_view name);
// True if a comma-separated header holds token, compared without case (RFC 9110 §5.6.1).
bool header_has_token(const Headers& headers, std::string_view name, std::string_view token);
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

struct RequestHead {
  std::string method;
  std::string target;           // as sent: origin-form, absolute-form, authority-form or *
  std::string version = "1.1";  // "1.0", "1.1"; codecs to come say "2"
  Headers headers;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  std::string version = "1.1";
  Headers headers;
  // The exact bytes of the head when `serialize` of the fields above would not give
  // them (odd white space, bare LF, folded lines); empty otherwise.
  std::string exact;
};

// How a body's end is known (RFC 9112 §6.3).
enum class Framing { kNone, kLength, kChunked, kUntilClose };

// One piece of a response body as its sender framed it: an HTTP/1.1 chunk, or the
// whole body where there are no chunks; never a read or a TLS record.
struct Boundary {
  uint64_t size_bytes = 0;
  uint64_t offset_us = 0;  // arrival of its last byte, since the request's last byte
  // The chunk-size line without CRLF where it is not the plain lower-case hex of
  // size_bytes (upper case, leading zeros, extensions; RFC 9112 §7.1); else empty.
  std::string exact_line;
  bool operator==(const Boundary&) const = default;
};

// How a response ended when it did not end as its framing says. Then
// - status 0 means that no whole head came: response.exact holds the bytes that did;
// - a chunk that was cut is the last boundary, with the size its sender announced;
// - exact_trailers, unless empty, holds every byte after the last chunk's data.
enum class Truncation {
  kNone,
  kEof,     // the server closed before the end
  kRagged,  // the same over TLS, without the close_notify that announces it (RFC 8446 §6.1)
  kReset,   // ECONNRESET
  kClient,  // the program closed before it had read the end
};

// Where a connection leads, as the program asked for it.
struct Origin {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case, without brackets
  uint16_t port = 0;
  bool operator==(const Origin&) const = default;
};
// "https://host", with ":port" where it is not the scheme's default, brackets for IPv6.
std::string origin_url(const Origin& origin);
// The request's absolute URL: origin + target, or target itself in absolute-form.
std::string request_url(const Origin& origin, const RequestHead& head);

// One request and its response, complete or cut off.
struct Exchange {
  Origin origin;
  RequestHead request;
  Body request_body;  // de-chunked
  Headers request_trailers;
  bool request_complete = true;
  // Set when the final response head came before the request's last byte (RFC 9112
  // §9.5): how many body bytes the peer could have seen by then.
  std::optional<uint64_t> early_after_body_bytes;

  std::vector<ResponseHead> informational;  // 1xx, in order (RFC 9110 §15.2)
  ResponseHead response;
  Body response_body;  // de-chunked, still content-encoded
  Framing framing = Framing::kNone;
  std::vector<Boundary> boundaries;  // kChunked only, without the last-chunk
  std::string last_chunk_line;       // where it is not "0"
  Headers response_trailers;
  std::string exact_trailers;  // as ResponseHead::exact
  Truncation truncation = Truncation::kNone;
  // True if the connection closed right after this response (kUntilClose always).
  bool closed_after = false;
  // kUntilClose over TLS: the end of the body was one without close_notify, yet all there was.
  bool ragged_close = false;

  uint64_t started_wall_us = 0;  // request's first byte
  uint64_t head_offset_us = 0;   // response head's arrival, since the request's last byte
  uint64_t end_offset_us = 0;    // response's last byte

  std::optional<std::string> test_id;
  std::string test_phase;  // "setup", "call", "teardown" or empty

  // Record: the how-manieth of the equal requests it was when its last byte was sent, from 1; 0
  // where it was not asked for. counted_as: what they are equal in.
  uint64_t place = 0;
  std::string counted_as;
  std::shared_ptr<void> under_way;  // counted as under way until this is gone
};

// Wire form of a head, CRLF line ends, with the empty line (RFC 9112 §2.1).
std::string serialize(const RequestHead& head);
std::string serialize(const ResponseHead& head);
// Header lines alone, for trailers.
std::string serialize_fields(const Headers& headers);

}  // namespace recshim::http
