// The transcripts of recorded connections: the specification of RecordConnection, and the
// material of the round trip.
#pragma once

#include <ostream>
#include <string_view>

namespace recshim::flow::test {

struct Case {
  std::string_view name;
  std::string_view transcript;
  // What replay sends: the server's bytes, these and more (the end that was never read), or
  // not comparable (passed through, or not wholly recorded).
  enum class Replays { kExactly, kWithEnd, kNot } replays = Replays::kExactly;
  // Another request may follow on the connection.
  bool goes_on = true;
  bool is_proxy = false;
  // Fed in any order: the client's bytes do not wait for the server's.
  bool order_matters = false;
};

inline void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

inline constexpr Case kCases[] = {
    {"length", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Odd:   spaced  \r\n\r\nhello
      == save GET http://api.test/a 200 body=5
    )"},
    {"keep_alive", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\n\r\nabc
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save POST http://api.test/a 200 request=3 body=2
      >> DELETE /b HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n
      == save DELETE http://api.test/b 404
    )"},
    {"pipelined", R"(
      >> GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxyGET /3 HTTP/1.1\r\nHost: h\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3
      == save GET http://api.test/1 200 body=1
      == save POST http://api.test/2 200 request=2 body=1
      == save GET http://api.test/3 200 body=1
    )"},
    {"chunked_with_odd_lines_and_trailers", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n
      << 0A;name="v;w"\r\n0123456789\r\n
      << 1\r\nx\r\n00;last\r\nX-Sum:  1\r\nY: 2\r\n\r\n
      == save GET http://api.test/a 200 body=16 chunks=3
    )"},
    {"chunked_request", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 9\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save POST http://api.test/a 200 request=5 body=2
    )"},
    {"no_body_statuses_and_head", R"(
      >> HEAD /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n
      == save HEAD http://api.test/a 200
      >> GET /b HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 204 No Content\r\n\r\n
      == save GET http://api.test/b 204
      >> GET /c HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nETag: "x"\r\n\r\n
      == save GET http://api.test/c 304
    )"},
    {"until_close", R"(
      >> GET /a HTTP/1.0\r\n\r\n
      << HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nall there
      <<  is
      <! eof
      == save GET http://api.test/a 200 body=12 closes
    )",
     Case::Replays::kExactly, false},
    {"connection_close", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a 200 body=2 closes
      <! eof
    )",
     Case::Replays::kExactly, false},
    {"client_asks_to_close", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a 200 body=2 closes
      <! eof
    )",
     Case::Replays::kExactly, false},
    {"odd_head_bytes", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 \r\nx-A:b\r\nX-Fold: one\r\n  two\r\nContent-Length:0\r\n\r\n
      == save GET http://api.test/a 200
    )"},
    {"continue_and_early_hints", R"(
      >> PUT /a HTTP/1.1\r\nHost: api.test\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n
      << HTTP/1.1 100 Continue\r\n\r\n
      >> abc
      << HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n
      == save PUT http://api.test/a 201 request=3 1xx=2
    )",
     Case::Replays::kExactly, true, false, true},
    {"cut_in_a_body_by_length", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello
      <! eof
      == save GET http://api.test/a 200 body=5 truncated=eof
    )",
     Case::Replays::kExactly, false},
    {"cut_in_a_chunk", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n00A0\r\nhello
      <! reset
      == save GET http://api.test/a 200 body=7 chunks=2 truncated=reset
    )",
     Case::Replays::kExactly, false},
    {"cut_in_a_chunk_line", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1
      <! eof
      == save GET http://api.test/a 200 body=2 chunks=1 truncated=eof
    )",
     Case::Replays::kExactly, false},
    {"cut_in_the_trailers", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-S
      <! eof
      == save GET http://api.test/a 200 body=2 chunks=1 truncated=eof
    )",
     Case::Replays::kExactly, false},
    {"cut_in_the_head", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-
      <! reset
      == save GET http://api.test/a 0 1xx=1 closes truncated=reset
    )",
     Case::Replays::kExactly, false},
    {"closed_without_an_answer", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      <! eof
      == save GET http://api.test/a 0 closes truncated=eof
    )",
     Case::Replays::kExactly, false},
    {"until_close_reset", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\n\r\npart
      <! reset
      == save GET http://api.test/a 200 body=4 closes truncated=reset
    )",
     Case::Replays::kExactly, false},
    {"client_stops_at_done", R"(
      >> POST /v1/chat/completions HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\n\r\n{}
      << HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n
      << f\r\n\ndata: [DONE]\n\n
      >! close
      == save POST http://api.test/v1/chat/completions 200 request=2 body=23 chunks=2
    )",
     Case::Replays::kWithEnd, false},
    {"client_stops_before_the_end", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\n
      >! close
      == save GET http://api.test/a 200 body=9 chunks=1 truncated=client
    )",
     Case::Replays::kExactly, false},
    {"client_leaves_without_an_answer", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      >! close
      == unrecorded GET http://api.test/a: the program closed before an answer came
    )",
     Case::Replays::kNot, false},
    {"client_leaves_pipelined_requests", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\nGET /b HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab
      >! close
      == save GET http://api.test/a 200 body=2 truncated=client
      == unrecorded GET http://api.test/b: the program closed before an answer came
    )",
     Case::Replays::kNot, false},
    {"answered_without_a_request", R"(
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      <! eof
      >! close
      == unrecorded http://api.test: an answer came to a request that was not seen
    )",
     Case::Replays::kNot, false},
    {"said_of_its_own_accord_after_an_answer", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a 200 body=2
      << HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n
      <! eof
      >! close
    )",
     Case::Replays::kNot, false},
    {"refused_early_and_given_up", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100\r\n\r\nhalf
      << HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno
      == save POST http://api.test/a 413 request=4 body=2 closes early=4 partial
      >! close
    )",
     Case::Replays::kExactly, false, false, true},
    {"refused_early_and_finished_all_the_same", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 6\r\n\r\nabc
      << HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n
      == save POST http://api.test/a 401 request=3 early=3 partial
      >> def
    )",
     Case::Replays::kExactly, true, false, true},
    {"answered_early_and_finished", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 6\r\n\r\nabc
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      >> def
      == save POST http://api.test/a 200 request=6 body=2 early=3
    )",
     Case::Replays::kExactly, true, false, true},
    {"answered_early_and_given_up", R"(
      >> POST /a HTTP/1.1\r\nHost: api.test\r\nContent-Length: 6\r\n\r\nabc
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      >! close
      == save POST http://api.test/a 200 request=3 body=2 early=3 partial
    )",
     Case::Replays::kNot, false, false, true},
    {"unrequested_bytes_after_a_response", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!
      == save GET http://api.test/a 200 body=2
      == pass the server sent bytes that answer no request
    )",
     Case::Replays::kNot, false},
    {"tls", R"(
      >> \x16\x03\x01
      == tls 3
      << \x16\x03
      >> more
    )",
     Case::Replays::kNot, false, false, true},
    {"broken_http2", R"(
      >> PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n
      >> \x00\x00\x01\x00\x00\x00\x00\x00\x00x
      == unrecorded http://api.test: its HTTP/2 DATA frame is malformed
      == pass its HTTP/2 DATA frame is malformed
    )",
     Case::Replays::kNot, false},
    {"another_protocol", R"(
      >> *1\r\n$4\r\nPING\r\n
      == unrecorded http://api.test: the client speaks neither HTTP nor TLS
      == pass the client speaks neither HTTP nor TLS
      << +PONG\r\n
    )",
     Case::Replays::kNot, false},
    {"server_speaks_first", R"(
      << 220 mail.test ESMTP\r\n
      == unrecorded http://api.test: the server spoke before the client
      == pass the server spoke before the client
      >> EHLO x\r\n
    )",
     Case::Replays::kNot, false},
    {"upgrade_accepted", R"(
      >> GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n
      << HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n
      == unrecorded GET http://api.test/ws: the server switched protocols (101)
      == pass the server switched protocols (101)
      >> \x81\x00
    )",
     Case::Replays::kNot, false},
    {"upgrade_declined", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a 200 body=2
      >> GET /b HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nho
      == save GET http://api.test/b 200 body=2
    )"},
    {"tunnel_with_tls", R"(
      >> CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n
      << HTTP/1.1 200 Connection established\r\n\r\n
      == tunnel api.test:443
      >> \x16\x03
      == tls 2
    )",
     Case::Replays::kNot, false, true, true},
    {"tunnel_with_plain_http", R"(
      >> CONNECT api.test:8080 HTTP/1.1\r\nHost: x\r\n\r\n
      << HTTP/1.1 200 OK\r\nVia: p\r\n\r\n
      == tunnel api.test:8080
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test:8080/a 200 body=2
    )",
     Case::Replays::kNot, true, true, true},
    {"tunnel_refused_then_granted", R"(
      >> CONNECT api.test:443 HTTP/1.1\r\nHost: x\r\n\r\n
      << HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno
      >> CONNECT api.test:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: y\r\n\r\n
      << HTTP/1.1 200 OK\r\n\r\n
      == tunnel api.test:443
    )",
     Case::Replays::kNot, false, true, true},
    {"tunnel_elsewhere", R"(
      >> CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\n
      << HTTP/1.1 200 OK\r\n\r\n
      == pass a tunnel to a host that is not configured
    )",
     Case::Replays::kNot, false, true, true},
    {"absolute_form", R"(
      >> GET http://api.test/a?b HTTP/1.1\r\nHost: api.test\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a?b 200 body=2
      >> GET http://other.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nho
      >> GET http://sub.api.test:8080/ HTTP/1.1\r\nHost: x\r\n\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
      == save GET http://sub.api.test:8080/ 200
    )",
     Case::Replays::kNot, true, true},
    {"broken_request", R"(
      >> GET /a HTTP/1.1\r\nHost api.test\r\n\r\n
      == unrecorded http://api.test: the client's request can't be read: not HTTP/1.1: Invalid header token
      == pass the client's request can't be read: not HTTP/1.1: Invalid header token
    )",
     Case::Replays::kNot, false},
    {"broken_after_a_request", R"(
      >> GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n!broken\r\n
      << HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi
      == save GET http://api.test/a 200 body=2
      == unrecorded http://api.test: the client's request can't be read: not HTTP/1.1: no method and space
      == pass the client's request can't be read: not HTTP/1.1: no method and space
    )",
     Case::Replays::kNot, false},
};

}  // namespace recshim::flow::test
