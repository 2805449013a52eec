// RequestParser, case by case. The transcripts are the specification.
#include <gtest/gtest.h>

#include "tests/unit/http/transcript.h"

namespace recshim::http::testing {
namespace {

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"get",
       {},
       "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n",
       "request GET /a?b=c HTTP/1.1\n  Host: x\nend\n"},
      {"no headers", {}, "GET / HTTP/1.1\r\n\r\n", "request GET / HTTP/1.1\nend\n"},
      {"length",
       {},
       "POST /a HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
       "request POST /a HTTP/1.1, length 5\n  Content-Length: 5\ndata \"hello\"\nend\n"},
      {"length zero",
       {},
       "POST /a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
       "request POST /a HTTP/1.1, length 0\n  Content-Length: 0\nend\n"},
      {"equal lengths count once (RFC 9112 6.3)",
       {},
       "PUT / HTTP/1.1\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nab",
       "request PUT / HTTP/1.1, length 2\n  Content-Length: 2, 2\n  content-length: 2\n"
       "data \"ab\"\nend\n"},
      {"different lengths",
       {},
       "PUT / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
       "error kInvalid\n"},
      {"length is no number",
       {},
       "PUT / HTTP/1.1\r\nContent-Length: +2\r\n\r\nab",
       "error kInvalid\n"},
      {"length empty", {}, "PUT / HTTP/1.1\r\nContent-Length:\r\n\r\nab", "error kInvalid\n"},
      {"length beyond 63 bits",
       {},
       "PUT / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n",
       "error kInvalid\n"},
      {"chunked",
       {},
       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n"
       "0123456789abcdef\r\n0\r\n\r\n",
       "request POST / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\n"
       "chunk 3\ndata \"abc\"\nchunk end\nchunk 16\ndata \"0123456789abcdef\"\nchunk end\nend\n"},
      {"chunked wins over length (RFC 9112 6.3)",
       {},
       "POST / HTTP/1.1\r\nContent-Length: 99\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n",
       "request POST / HTTP/1.1, chunked\n  Content-Length: 99\n"
       "  Transfer-Encoding: gzip, Chunked\nend\n"},
      {"chunked in two header lines",
       {},
       "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
       "0\r\n\r\n",
       "request POST / HTTP/1.1, chunked\n  Transfer-Encoding: gzip\n"
       "  Transfer-Encoding: chunked\nend\n"},
      {"transfer coding without chunked",
       {},
       "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
       "error kInvalid\n"},
      {"identity is no coding",
       {},
       "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\na",
       "request POST / HTTP/1.1, length 1\n  Transfer-Encoding: identity\n  Content-Length: 1\n"
       "data \"a\"\nend\n"},
      {"trailers and extensions",
       {},
       "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b;c\"\r\nabc\r\n0;z\r\n"
       "X-Sum: 1\r\nContent-Length: 9\r\n\r\n",
       "request POST / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\n"
       "chunk 3 \"3;a=\"b;c\"\"\ndata \"abc\"\nchunk end\nend \"0;z\"\n  X-Sum: 1\n"
       "  Content-Length: 9\n"},
      {"expect",
       {},
       "PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\na",
       "request PUT / HTTP/1.1, length 1, expects continue\n  Expect: 100-Continue\n"
       "  Content-Length: 1\ndata \"a\"\nend\n"},
      {"expect in HTTP/1.0 is ignored (RFC 9110 10.1.1)",
       {},
       "PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
       "request PUT / HTTP/1.0, length 1\n  Expect: 100-continue\n  Content-Length: 1\n"
       "data \"a\"\nend\n"},
      {"pipelined",
       {},
       "GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"
       "GET /3 HTTP/1.0\r\nConnection: close\r\n\r\nGET /4 HTTP/1.1\r\n\r\n",
       "request GET /1 HTTP/1.1\nend\nrequest POST /2 HTTP/1.1, length 1\n  Content-Length: 1\n"
       "data \"x\"\nend\nrequest GET /3 HTTP/1.0\n  Connection: close\nend\n"
       "request GET /4 HTTP/1.1\nend\n"},
      {"empty lines before (RFC 9112 2.2)",
       {},
       "\r\n\n\r\nGET / HTTP/1.1\r\n\r\n\r\n",
       "request GET / HTTP/1.1\nend\n"},
      {"bare line feeds (RFC 9112 2.2)",
       {},
       "GET / HTTP/1.1\nHost: x\nA:b\n\n",
       "request GET / HTTP/1.1\n  Host: x\n  A: b\nend\n"},
      {"a method of its own (RFC 9110 9.1)",
       {},
       "X-Q~ /a HTTP/1.1\r\n\r\n",
       "request X-Q~ /a HTTP/1.1\nend\n"},
      {"lower-case method", {}, "get /a HTTP/1.1\r\n\r\n", "request get /a HTTP/1.1\nend\n"},
      {"absolute form",
       {},
       "GET http://user@h:81/p?q#f HTTP/1.1\r\n\r\n",
       "request GET http://user@h:81/p?q#f HTTP/1.1\nend\n"},
      {"asterisk form", {}, "OPTIONS * HTTP/1.1\r\n\r\n", "request OPTIONS * HTTP/1.1\nend\n"},
      {"odd bytes in the target",
       {},
       "GET /a|{}\"<>^`\\\xc3\xa9 HTTP/1.1\r\n\r\n",
       "request GET /a|{}\"<>^`\\\xc3\xa9 HTTP/1.1\nend\n"},
      {"header order, case, duplicates, empty",
       {},
       "GET / HTTP/1.1\r\nB: 2\r\na: 1\r\nB: 3\r\nE:\r\nF: \t \r\nG:\tx y\t\r\n\r\n",
       "request GET / HTTP/1.1\n  B: 2\n  a: 1\n  B: 3\n  E: \n  F: \n  G: x y\nend\n"},
      {"folded values (RFC 9112 5.2)",
       {},
       "GET / HTTP/1.1\r\nA: x\r\n \t y\r\n  z \r\nB:\r\n c\r\nC: d \r\n\te\r\n\r\n",
       "request GET / HTTP/1.1\n  A: x y z\n  B: c\n  C: d e\nend\n"},
      {"obs-text and controls in a value",
       {},
       "GET / HTTP/1.1\r\nA: \xff\x01\r\n\r\n",
       "request GET / HTTP/1.1\n  A: \xff\x01\nend\n"},
      {"connect holds",
       {},
       "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n\x16\x03",
       "request CONNECT h:443 HTTP/1.1\n  Host: h:443\nend\nleft \"\x16\x03\"\n"},
      {"connect has no body",
       {},
       "CONNECT [::1]:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
       "request CONNECT [::1]:443 HTTP/1.1\n  Content-Length: 3\nend\n"},
      {"upgrade holds",
       {},
       "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nxy",
       "request GET /ws HTTP/1.1, upgrade\n  Connection: keep-alive, Upgrade\n"
       "  Upgrade: websocket\nend\nleft \"xy\"\n"},
      {"upgrade with a body holds behind it",
       {},
       "POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nabxy",
       "request POST / HTTP/1.1, length 2, upgrade\n  Connection: Upgrade\n  Upgrade: h2c\n"
       "  Content-Length: 2\ndata \"ab\"\nend\nleft \"xy\"\n"},
      {"an Upgrade header alone asks for nothing",
       {},
       "GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n",
       "request GET / HTTP/1.1\n  Upgrade: h2c\nend\n"},

      {"no HTTP", {}, "EHLO mail.example.org\r\n", "error kInvalid\n"},
      {"no method", {}, " / HTTP/1.1\r\n\r\n", "error kInvalid\n"},
      {"redis", {}, "*1\r\n$4\r\nPING\r\n", "error kInvalid\n"},
      {"NUL first", {}, std::string("\0\0\0\x08", 4), "error kInvalid\n"},
      {"HTTP/0.9", {}, "GET /\r\n\r\n", "error kInvalid\n"},
      {"HTTP/2 preface", {}, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "error kInvalid\n"},
      {"space in target", {}, "GET /a b HTTP/1.1\r\n\r\n", "error kInvalid\n"},
      {"no colon", {}, "GET / HTTP/1.1\r\nNo colon\r\n\r\n", "error kInvalid\n"},
      {"chunk size of no digits",
       {},
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
       "request PUT / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kInvalid\n"},
      {"chunk size beyond 63 bits",
       {},
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8000000000000000\r\n",
       "request PUT / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kInvalid\n"},
      {"chunk longer than its size",
       {},
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
       "request PUT / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nchunk 1\ndata \"a\"\n"
       "error kInvalid\n"},
      {"second request broken",
       {},
       "GET / HTTP/1.1\r\n\r\n\x16\x03\x01",
       "request GET / HTTP/1.1\nend\nerror kInvalid\n"},

      {"head over the limit",
       {},
       "GET / HTTP/1.1\r\nA: " + std::string(100, 'a'),
       "error kTooLarge\n",
       false,
       {.head_bytes = 64}},
      {"method over the limit",
       {},
       std::string(100, 'A'),
       "error kTooLarge\n",
       false,
       {.head_bytes = 64}},
      {"chunk line over the limit",
       {},
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(100, 'e'),
       "request PUT / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kTooLarge\n",
       false,
       {.chunk_line_bytes = 32}},
      {"trailers over the limit",
       {},
       "PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: " + std::string(100, 'a'),
       "request PUT / HTTP/1.1, chunked\n  Transfer-Encoding: chunked\nerror kTooLarge\n",
       false,
       {.head_bytes = 64}},
  };
  return kCases;
}

TEST(RequestParserTest, Cases) {
  for (const Case& c : cases()) run_request_case(c);
}

std::string feed(RequestParser& parser, std::string_view bytes, size_t expect_taken) {
  std::vector<Event> events;
  auto taken = parser.feed(bytes, events);
  EXPECT_TRUE(taken.ok() && *taken == expect_taken);
  return render(events);
}

TEST(RequestParserTest, GoesOnAfterARefusedConnect) {
  RequestParser parser;
  feed(parser, "CONNECT h:1 HTTP/1.1\r\n\r\n", 24);
  EXPECT_EQ(feed(parser, "GET / HTTP/1.1\r\n\r\n", 0), "");
  parser.resume(false);
  EXPECT_EQ(feed(parser, "GET / HTTP/1.1\r\n\r\n", 18), "request GET / HTTP/1.1\nend\n");
}

TEST(RequestParserTest, GivesUpOnceSwitched) {
  RequestParser parser;
  feed(parser, "CONNECT h:1 HTTP/1.1\r\n\r\n", 24);
  parser.resume(true);
  EXPECT_EQ(feed(parser, "GET / HTTP/1.1\r\n\r\n", 0), "");
  parser.resume(false);
  EXPECT_EQ(feed(parser, "GET / HTTP/1.1\r\n\r\n", 0), "");
}

TEST(RequestParserTest, ResumeWhileNothingIsHeldChangesNothing) {
  RequestParser parser;
  feed(parser, "GET / HT", 8);
  parser.resume(false);
  EXPECT_EQ(feed(parser, "TP/1.1\r\n\r\n", 10), "request GET / HTTP/1.1\nend\n");
}

TEST(RequestParserTest, KnowsWhetherItIsInAMessage) {
  RequestParser parser;
  EXPECT_FALSE(parser.mid_message());
  feed(parser, "\r\n", 2);
  EXPECT_FALSE(parser.mid_message());
  feed(parser, "P", 1);
  EXPECT_TRUE(parser.mid_message());
  feed(parser, "UT / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", 36);
  EXPECT_TRUE(parser.mid_message());
  feed(parser, "ab", 2);
  EXPECT_FALSE(parser.mid_message());
}

TEST(RequestParserTest, SurvivesAMove) {
  RequestParser parser;
  feed(parser, "GET /mo", 7);
  RequestParser moved = std::move(parser);
  EXPECT_EQ(feed(moved, "ved HTTP/1.1\r\n\r\n", 16), "request GET /moved HTTP/1.1\nend\n");
}

TEST(RequestParserTest, OneMessageAtATime) {
  const std::string first =
      "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nxy\r\n0\r\n\r\n";
  const std::string both = first + "GET /b HTTP/1.1\r\n\r\n";
  RequestParser parser;
  std::vector<Event> events;
  auto taken = parser.feed_one(both, events);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(*taken, first.size());
  EXPECT_TRUE(std::holds_alternative<MessageEnded>(events.back()));
  events.clear();
  taken = parser.feed_one(std::string_view(both).substr(first.size()), events);
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(std::get<RequestStarted>(events.front()).head.target, "/b");

  RequestParser byte_by_byte;
  size_t at = 0;
  for (events.clear(); events.empty() || !std::holds_alternative<MessageEnded>(events.back());) {
    ASSERT_LT(at, both.size());
    taken = byte_by_byte.feed_one(both.substr(at, 1), events);
    ASSERT_TRUE(taken.ok());
    at += *taken;
  }
  EXPECT_EQ(at, first.size());
}

}  // namespace
}  // namespace recshim::http::testing
