// The HTTP/1.1 codec and content decoding. The first byte says how the input is cut.
#include <algorithm>

#include "shim/http/codec.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/http/transcript.h"

namespace recshim::fuzz {
namespace {

using http::Event;

// What a parser makes of the pieces. A request that asks for another protocol is answered:
// no, and the connection goes on.
template <typename Parser>
std::string told(Parser& parser, const std::vector<std::string_view>& pieces,
                 void (*held)(Parser&)) {
  std::vector<Event> events;
  std::string pending;
  for (const auto piece : pieces) {
    pending.append(piece);
    for (int tries = 0; tries < 2 && !pending.empty(); ++tries) {
      const auto taken = parser.feed(pending, events);
      if (!taken.ok()) return http::testing::render(events) + "error";
      require(*taken <= pending.size(), "no more is taken than was given");
      if (*taken > 0) tries = 0;
      pending.erase(0, *taken);
      if (!pending.empty()) held(parser);
    }
  }
  std::string text = http::testing::render(events);
  text += parser.mid_message() ? "mid-message" : "between messages";
  return text + " left " + std::to_string(pending.size());
}

std::string requests(const std::vector<std::string_view>& pieces) {
  http::RequestParser parser;
  return told<http::RequestParser>(parser, pieces, [](auto& held) { held.resume(false); });
}

std::string responses(const std::vector<std::string_view>& pieces, uint8_t methods) {
  http::ResponseParser parser;
  for (int i = 0; i < 4; ++i) {
    constexpr const char* kMethods[] = {"GET", "HEAD", "CONNECT", "POST"};
    parser.expect(kMethods[(methods >> (2 * i)) & 3]);
  }
  std::string text = told<http::ResponseParser>(parser, pieces, [](auto&) {});
  std::vector<Event> events;
  const auto finished = parser.finish(events);
  return text + http::testing::render(events) +
         (!finished.ok() ? " error"
          : *finished    ? " whole"
                         : " cut short");
}

constexpr const char* kRequests[] = {
    "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    "3;a=\"b;c\"\r\nabc\r\n0A\r\n0123456789\r\n0;z\r\nX-Sum: 1\r\n\r\n",
    "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "PUT http://h:1/x HTTP/1.1\nContent-Length: 2, 2\nX:  odd \n\nab"};
constexpr const char* kResponses[] = {
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 204 \r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n"
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n00b;x=y\r\nhello world\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
    "Upgrade\r\n\r\n\x81\x02hi",
    "HTTP/1.1 304 Not Modified\nContent-Length: 7\nX: a\n b\n\nHTTP/1.1 500 \n\n"};
constexpr const char* kCodings[] = {"gzip",     "deflate",  "br",         "zstd",
                                    "identity", "gzip, br", "zstd, gzip", "x-gzip"};

}  // namespace

void fuzz_request_parser(std::string_view bytes) {
  Choices choices(bytes);
  const uint8_t how = choices.byte();
  http::sniff(choices.rest());
  require_same(requests({choices.rest()}), requests(cut(choices.rest(), how)),
               "requests are the same however they are cut");
}
std::vector<std::string> seeds_request_parser() {
  std::vector<std::string> seeds;
  for (const std::string text : kRequests) seeds.push_back('\x03' + text);
  return seeds;
}

void fuzz_response_parser(std::string_view bytes) {
  Choices choices(bytes);
  const uint8_t how = choices.byte();
  const uint8_t methods = choices.byte();
  require_same(responses({choices.rest()}, methods), responses(cut(choices.rest(), how), methods),
               "responses are the same however they are cut");
}
std::vector<std::string> seeds_response_parser() {
  std::vector<std::string> seeds;
  for (const std::string text : kResponses) seeds.push_back(std::string("\x03\x00", 2) + text);
  return seeds;
}

// The first byte chooses the coding.
void fuzz_decode(std::string_view bytes) {
  constexpr size_t kLimitBytes = size_t{64} << 10;
  Choices choices(bytes);
  const auto decoded = http::decode_content(
      choices.rest(), kCodings[choices.byte() % std::size(kCodings)], kLimitBytes);
  require(!decoded.ok() || decoded->size() <= kLimitBytes, "the limit is kept");
  const auto again = http::decode_content(http::gzip_content(bytes), "gzip", bytes.size());
  require(again.ok() && *again == bytes, "what was packed unpacks");
}
std::vector<std::string> seeds_decode() {
  using namespace std::string_literals;
  return {
      "\0"s + http::gzip_content("hello hello hello hello"),
      "\1x\x9c\xcbH\xcd\xc9\xc9W\xc8 \x93\0f\x08\x08\x92"s,
      "\2\x0b\x02\x80hello\x03"s,
      "\3(\xb5/\xfd\x04X)\0\0hello\x91\x39\xd7\x78"s,
      "\6"s + http::gzip_content("(\xb5/\xfd\x04X)\0\0hello\x91\x39\xd7\x78"s),
  };
}

}  // namespace recshim::fuzz
