// ResponseParser, case by case. The transcripts are the specification.
#include <gtest/gtest.h>

#include "tests/unit/http/transcript.h"

namespace recshim::http::testing {
namespace {

const std::vector<std::string> kGet = {"GET"};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"length", kGet, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
       "response 200 \"OK\" HTTP/1.1, length 2\n  Content-Length: 2\ndata \"ab\"\nend\n"},
      {"length zero", kGet, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1, length 0\n  Content-Length: 0\nend\n"},
      {"until close", kGet, "HTTP/1.1 200 OK\r\n\r\nsome",
       "response 200 \"OK\" HTTP/1.1, until close, close\ndata \"some\"\nend\neof complete\n",
       true},
      {"until close, empty", kGet, "HTTP/1.0 200 OK\r\n\r\n",
       "response 200 \"OK\" HTTP/1.0, until close, close\nend\neof complete\n", true},
      {"until close although keep-alive is said", kGet,
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nx",
       "response 200 \"OK\" HTTP/1.0, until close, close\n  Connection: keep-alive\n"
       "data \"x\"\nend\neof complete\n",
       true},
      {"HTTP/1.0 closes", kGet, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
       "response 200 \"OK\" HTTP/1.0, length 1, close\n  Content-Length: 1\ndata \"x\"\nend\n"},
      {"HTTP/1.0 kept alive", kGet,
       "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx",
       "response 200 \"OK\" HTTP/1.0, length 1\n  Connection: Keep-Alive\n  Content-Length: 1\n"
       "data \"x\"\nend\n"},
      {"connection close", kGet,
       "HTTP/1.1 200 OK\r\nConnection: x, close\r\nContent-Length: 1\r\n\r\nx",
       "response 200 \"OK\" HTTP/1.1, length 1, close\n  Connection: x, close\n"
       "  Content-Length: 1\ndata \"x\"\nend\n"},
      {"chunked", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nchunk 5\n"
       "data \"hello\"\nchunk end\nend\n"},
      {"chunk lines kept as they were", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n003\r\nabc\r\n"
       "2  \r\nde\r\n1;x\r\nf\r\n1 ; y = z\r\ng\r\na\r\n0123456789\r\n00\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\n"
       "chunk 10 \"A\"\ndata \"0123456789\"\nchunk end\nchunk 3 \"003\"\ndata \"abc\"\nchunk end\n"
       "chunk 2 \"2  \"\ndata \"de\"\nchunk end\nchunk 1 \"1;x\"\ndata \"f\"\nchunk end\n"
       "chunk 1 \"1 ; y = z\"\ndata \"g\"\nchunk end\nchunk 10\ndata \"0123456789\"\nchunk end\n"
       "end \"00\"\n"},
      {"trailers", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nTransfer-Encoding: x\r\n"
       "\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nend\n  A: b\n"
       "  Transfer-Encoding: x\n"},
      {"odd trailers are kept exact", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA:b\n\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\n"
       "end trailers exact \"A:b\\n\\r\\n\"\n  A: b\n"},
      {"transfer coding without chunked ends at close (RFC 9112 6.3)", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nabc",
       "response 200 \"OK\" HTTP/1.1, until close, close\n  Transfer-Encoding: gzip\n"
       "  Content-Length: 1\ndata \"abc\"\nend\neof complete\n",
       true},
      {"chunked wins over length", kGet,
       "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: x\r\n"
       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Content-Length: 7\n  Content-Length: x\n"
       "  Transfer-Encoding: chunked\nend\n"},
      {"different lengths", kGet,
       "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n", "error kInvalid\n"},

      {"head",
       {"HEAD"},
       "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1\n  Content-Length: 9\nend\n"},
      {"head, chunked",
       {"HEAD"},
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
       "response 200 \"OK\" HTTP/1.1\n  Transfer-Encoding: chunked\nend\n"},
      {"204", kGet, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
       "response 204 \"No Content\" HTTP/1.1\n  Content-Length: 5\nend\n"},
      {"304", kGet, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
       "response 304 \"Not Modified\" HTTP/1.1\n  Content-Length: 5\nend\n"},
      {"informational (RFC 9110 15.2)", kGet,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 3\r\n"
       "\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
       "response 100 \"Continue\" HTTP/1.1\nresponse 103 \"Early Hints\" HTTP/1.1\n  Link: a\n"
       "  Content-Length: 3\nresponse 200 \"OK\" HTTP/1.1, length 1\n  Content-Length: 1\n"
       "data \"x\"\nend\n"},
      {"pipelined, each by its method",
       {"HEAD", "GET", "HEAD"},
       "HTTP/1.1 200 A\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 B\r\nContent-Length: 3\r\n\r\nabc"
       "HTTP/1.1 200 C\r\nContent-Length: 3\r\n\r\n",
       "response 200 \"A\" HTTP/1.1\n  Content-Length: 3\nend\n"
       "response 200 \"B\" HTTP/1.1, length 3\n  Content-Length: 3\ndata \"abc\"\nend\n"
       "response 200 \"C\" HTTP/1.1\n  Content-Length: 3\nend\n"},
      {"unasked",
       {},
       "HTTP/1.1 408 Timeout\r\n\r\n",
       "left \"HTTP/1.1 408 Timeout\\r\\n\\r\\n\"\n"},

      {"switching protocols", kGet,
       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
       "response 101 \"Switching Protocols\" HTTP/1.1\n  Upgrade: websocket\n"
       "  Connection: Upgrade\nswitched\n"},
      {"continue, then switching", kGet,
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Go\r\n\r\n\x81\x02hi",
       "response 100 \"Continue\" HTTP/1.1\nresponse 101 \"Go\" HTTP/1.1\nswitched\n"
       "left \"\x81\x02hi\"\n"},
      {"connect accepted",
       {"CONNECT"},
       "HTTP/1.1 200 Connected\r\nContent-Length: 4\r\n\r\n\x16\x03",
       "response 200 \"Connected\" HTTP/1.1\n  Content-Length: 4\nswitched\nleft \"\x16\x03\"\n"},
      {"connect refused",
       {"CONNECT"},
       "HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno",
       "response 407 \"Auth\" HTTP/1.1, length 2\n  Content-Length: 2\ndata \"no\"\nend\n"},
      {"upgrade refused", kGet, "HTTP/1.1 426 No\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
       "response 426 \"No\" HTTP/1.1, length 0\n  Upgrade: h2c\n  Content-Length: 0\nend\n"},

      {"no reason", kGet, "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
       "response 200 \"\" HTTP/1.1, length 0\n  Content-Length: 0\nend\n"},
      {"no reason and no space is kept exact", kGet, "HTTP/1.1 204\r\n\r\n",
       "response 204 \"\" HTTP/1.1, exact \"HTTP/1.1 204\\r\\n\\r\\n\"\nend\n"},
      {"reason with obs-text", kGet, "HTTP/1.1 204 \xe9t\xe9 ok\r\n\r\n",
       "response 204 \"\xe9t\xe9 ok\" HTTP/1.1\nend\n"},
      {"bare line feeds are kept exact", kGet, "HTTP/1.1 204 No\nA:b\n\n",
       "response 204 \"No\" HTTP/1.1, exact \"HTTP/1.1 204 No\\nA:b\\n\\n\"\n  A: b\nend\n"},
      {"odd space is kept exact", kGet, "HTTP/1.1 204 No\r\nA:  b \r\n\r\n",
       "response 204 \"No\" HTTP/1.1, exact \"HTTP/1.1 204 No\\r\\nA:  b \\r\\n\\r\\n\"\n  A: "
       "b\nend\n"},
      {"folding is kept exact", kGet, "HTTP/1.1 204 No\r\nA: b\r\n  c\r\n\r\n",
       "response 204 \"No\" HTTP/1.1, exact \"HTTP/1.1 204 No\\r\\nA: b\\r\\n  c\\r\\n\\r\\n\"\n"
       "  A: b c\nend\n"},
      {"empty value without space is kept exact", kGet, "HTTP/1.1 204 No\r\nA:\r\n\r\n",
       "response 204 \"No\" HTTP/1.1, exact \"HTTP/1.1 204 No\\r\\nA:\\r\\n\\r\\n\"\n  A: \nend\n"},
      {"empty value with its space is not", kGet, "HTTP/1.1 204 No\r\nA: \r\n\r\n",
       "response 204 \"No\" HTTP/1.1\n  A: \nend\n"},
      {"empty lines before are kept exact", kGet, "\r\nHTTP/1.1 204 No\r\n\r\n",
       "response 204 \"No\" HTTP/1.1, exact \"\\r\\nHTTP/1.1 204 No\\r\\n\\r\\n\"\nend\n"},
      {"duplicates and case", kGet, "HTTP/1.1 204 No\r\nset-cookie: a\r\nSet-Cookie: b\r\n\r\n",
       "response 204 \"No\" HTTP/1.1\n  set-cookie: a\n  Set-Cookie: b\nend\n"},
      {"unusual status", kGet, "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n",
       "response 999 \"Odd\" HTTP/1.1, length 0\n  Content-Length: 0\nend\n"},

      {"cut in the head", kGet, "HTTP/1.1 200 OK\r\nConte", "eof cut short\n", true},
      {"cut in a length", kGet, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
       "response 200 \"OK\" HTTP/1.1, length 3\n  Content-Length: 3\ndata \"ab\"\neof cut short\n",
       true},
      {"cut in a chunk", kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nchunk 5\n"
       "data \"ab\"\neof cut short\n",
       true},
      {"cut between chunks", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nchunk 2\n"
       "data \"ab\"\nchunk end\neof cut short\n",
       true},
      {"cut before the last empty line", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\neof cut short\n",
       true},
      {"closed after informational", kGet, "HTTP/1.1 100 Continue\r\n\r\n",
       "response 100 \"Continue\" HTTP/1.1\neof complete\n", true},
      {"closed between messages", kGet, "HTTP/1.1 204 No\r\n\r\n",
       "response 204 \"No\" HTTP/1.1\nend\neof complete\n", true},
      {"closed after an empty line", kGet, "\r\n", "eof complete\n", true},
      {"closed unasked", {}, "", "eof complete\n", true},

      {"no HTTP", kGet, "SSH-2.0-OpenSSH\r\n", "error kInvalid\n"},
      {"shoutcast", kGet, "ICY 200 OK\r\n\r\n", "error kInvalid\n"},
      {"HTTP/2 in a status line", kGet, "HTTP/2.0 200 OK\r\n\r\n", "error kInvalid\n"},
      {"status of two digits", kGet, "HTTP/1.1 20 OK\r\n\r\n", "error kInvalid\n"},
      {"status of four digits", kGet, "HTTP/1.1 2000 OK\r\n\r\n", "error kInvalid\n"},
      {"head over the limit",
       kGet,
       "HTTP/1.1 200 OK\r\nA: " + std::string(100, 'a'),
       "error kTooLarge\n",
       false,
       {.head_bytes = 64}},
      {"chunk lines end in CRLF (RFC 9112 7.1)", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kInvalid\n"},
      {"size and something", kGet,
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2x\r\nab\r\n",
       "response 200 \"OK\" HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kInvalid\n"},
  };
  return kCases;
}

TEST(ResponseParserTest, Cases) {
  for (const Case& c : cases()) run_response_case(c);
}

// What a case's events say, written out again, must be the bytes of the case.
TEST(ResponseParserTest, EventsHoldEveryByte) {
  for (const Case& c : cases()) {
    if (c.transcript.find("error") != std::string::npos ||
        c.transcript.find("cut short") != std::string::npos ||
        c.transcript.find("left") != std::string::npos || c.input == "\r\n") {
      continue;
    }
    SCOPED_TRACE(c.name);
    ResponseParser parser;
    for (const std::string& method : c.methods) parser.expect(method);
    std::vector<Event> events;
    ASSERT_TRUE(parser.feed(c.input, events).ok());
    ASSERT_TRUE(!c.eof || parser.finish(events).ok());
    std::string bytes;
    bool chunked = false;
    for (const Event& event : events) {
      if (const auto* started = std::get_if<ResponseStarted>(&event)) {
        bytes += serialize(started->head);
        chunked = started->framing == Framing::kChunked;
      } else if (const auto* data = std::get_if<BodyData>(&event)) {
        bytes += data->bytes;
      } else if (const auto* chunk = std::get_if<ChunkStarted>(&event)) {
        char plain[32];
        std::snprintf(plain, sizeof plain, "%llx",
                      static_cast<unsigned long long>(chunk->size_bytes));
        bytes += (chunk->exact_line.empty() ? plain : chunk->exact_line) + "\r\n";
      } else if (std::holds_alternative<ChunkEnded>(event)) {
        bytes += "\r\n";
      } else if (const auto* end = std::get_if<MessageEnded>(&event); end && chunked) {
        bytes += (end->last_chunk_line.empty() ? "0" : end->last_chunk_line) + "\r\n";
        bytes += end->exact_trailers.empty() ? serialize_fields(end->trailers) + "\r\n"
                                             : end->exact_trailers;
      }
    }
    EXPECT_EQ(bytes, c.input);
  }
}

TEST(ResponseParserTest, WaitsForTheMethod) {
  ResponseParser parser;
  std::vector<Event> events;
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(*parser.feed(response, events), 0U);
  EXPECT_TRUE(events.empty());
  EXPECT_FALSE(parser.mid_message());
  parser.expect("HEAD");
  EXPECT_EQ(*parser.feed(response, events), response.size());
  EXPECT_EQ(render(events), "response 200 \"OK\" HTTP/1.1\n  Content-Length: 2\nend\n");
}

TEST(ResponseParserTest, KnowsWhetherItIsInAMessage) {
  ResponseParser parser;
  parser.expect("GET");
  std::vector<Event> events;
  ASSERT_TRUE(parser.feed("\r\n", events).ok());
  EXPECT_FALSE(parser.mid_message());
  ASSERT_TRUE(parser.feed("H", events).ok());
  EXPECT_TRUE(parser.mid_message());
  ASSERT_TRUE(parser.feed("TTP/1.1 100 Continue\r\n\r\n", events).ok());
  EXPECT_FALSE(parser.mid_message());
  ASSERT_TRUE(parser.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", events).ok());
  EXPECT_TRUE(parser.mid_message());
  ASSERT_TRUE(parser.feed("x", events).ok());
  EXPECT_FALSE(parser.mid_message());
}

}  // namespace
}  // namespace recshim::http::testing
