// The driver of the codec cases; see the header.
#include "tests/unit/http/transcript.h"

#include <gtest/gtest.h>

#include <functional>

namespace recshim::http::testing {
namespace {

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\r') {
      out += "\\r";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string framing_text(Framing framing, uint64_t length_bytes) {
  switch (framing) {
    case Framing::kNone:
      return "";
    case Framing::kLength:
      return ", length " + std::to_string(length_bytes);
    case Framing::kChunked:
      return ", chunked";
    case Framing::kUntilClose:
      return ", until close";
  }
  return ", ?";
}

std::string fields_text(const Headers& headers) {
  std::string out;
  for (const Header& header : headers) out += "  " + header.name + ": " + header.value + "\n";
  return out;
}

struct Renderer {
  std::string out;
  std::string data;

  void flush() {
    if (!data.empty()) out += "data " + quote(data) + "\n";
    data.clear();
  }
  void operator()(const BodyData& e) { data += e.bytes; }
  void operator()(const RequestStarted& e) {
    out += "request " + e.head.method + " " + e.head.target + " HTTP/" + e.head.version +
           framing_text(e.framing, e.length_bytes) +
           (e.expects_continue ? ", expects continue" : "") + (e.upgrade ? ", upgrade" : "") +
           "\n" + fields_text(e.head.headers);
  }
  void operator()(const ResponseStarted& e) {
    out += "response " + std::to_string(e.head.status) + " " + quote(e.head.reason) + " HTTP/" +
           e.head.version + framing_text(e.framing, e.length_bytes) +
           (e.keep_alive ? "" : ", close") +
           (e.head.exact.empty() ? "" : ", exact " + quote(e.head.exact)) + "\n" +
           fields_text(e.head.headers);
  }
  void operator()(const ChunkStarted& e) {
    out += "chunk " + std::to_string(e.size_bytes) +
           (e.exact_line.empty() ? "" : " " + quote(e.exact_line)) + "\n";
  }
  void operator()(const ChunkEnded&) { out += "chunk end\n"; }
  void operator()(const MessageEnded& e) {
    out += "end" + (e.last_chunk_line.empty() ? "" : " " + quote(e.last_chunk_line)) +
           (e.exact_trailers.empty() ? "" : " trailers exact " + quote(e.exact_trailers)) + "\n" +
           fields_text(e.trailers);
  }
  void operator()(const Switched&) { out += "switched\n"; }
};

std::string error_line(const Error& error) {
  return error.code == ErrorCode::kInvalid    ? "error kInvalid\n"
         : error.code == ErrorCode::kTooLarge ? "error kTooLarge\n"
                                              : "error of another kind\n";
}

// Feeds input in the pieces that next_piece(position) gives the sizes of.
template <typename Parser>
std::string tell(Parser& parser, std::string_view input, bool eof,
                 const std::function<size_t(size_t)>& next_piece) {
  std::vector<Event> events;
  std::string waiting;  // given, but not taken yet: a caller keeps these
  std::string end;
  for (size_t at = 0; at < input.size() && end.empty();) {
    const size_t n = std::min(std::max<size_t>(next_piece(at), 1), input.size() - at);
    waiting += input.substr(at, n);
    at += n;
    auto taken = parser.feed(waiting, events);
    if (!taken.ok()) {
      end = error_line(taken.error());
      std::vector<Event> none;
      auto again = parser.feed("GET / HTTP/1.1\r\n\r\n", none);
      EXPECT_FALSE(again.ok()) << "errors must be sticky";
      EXPECT_TRUE(none.empty());
      break;
    }
    EXPECT_LE(*taken, waiting.size());
    waiting.erase(0, *taken);
  }
  if (end.empty() && !waiting.empty()) end = "left " + quote(waiting) + "\n";
  if constexpr (std::is_same_v<Parser, ResponseParser>) {
    if (eof && !end.starts_with("error")) {
      auto finished = parser.finish(events);
      end += !finished.ok() ? error_line(finished.error())
             : *finished    ? "eof complete\n"
                            : "eof cut short\n";
      EXPECT_EQ(*parser.feed("HTTP/1.1 200 OK\r\n\r\n", events), 0U);
    }
  }
  return render(events) + end;
}

template <typename Make>
void run(const Case& c, Make make) {
  const auto story = [&](std::string_view input, const std::function<size_t(size_t)>& piece) {
    auto parser = make();
    return tell(parser, input, c.eof, piece);
  };
  EXPECT_EQ(story(c.input, [&](size_t) { return c.input.size(); }), c.transcript) << "whole";
  EXPECT_EQ(story(c.input, [](size_t) { return size_t{1}; }), c.transcript) << "byte by byte";
  for (size_t cut = 1; cut < std::min<size_t>(c.input.size(), 2000); ++cut) {
    ASSERT_EQ(story(c.input, [&](size_t at) { return at == 0 ? cut : c.input.size(); }),
              c.transcript)
        << "cut after " << cut << " bytes";
  }
}

bool ends_open(std::string_view transcript) {
  return transcript.find("error") != std::string_view::npos ||
         transcript.find("left") != std::string_view::npos;
}

}  // namespace

std::string render(const std::vector<Event>& events) {
  Renderer renderer;
  for (const Event& event : events) {
    if (!std::holds_alternative<BodyData>(event)) renderer.flush();
    std::visit(renderer, event);
  }
  renderer.flush();
  return renderer.out;
}

void run_request_case(const Case& c) {
  SCOPED_TRACE(c.name);
  const auto make = [&] { return RequestParser(c.limits); };
  run(c, make);
  // With trailing data: the next request must come out by itself.
  RequestParser parser = make();
  std::vector<Event> ignored;
  auto taken = parser.feed(c.input, ignored);
  if (ends_open(c.transcript) || !taken.ok() || parser.mid_message()) return;
  const std::string next = "GET /next HTTP/1.1\r\n\r\n";
  auto trailing = make();
  // A parser that holds for a response takes nothing more.
  const bool holds = *parser.feed(next, ignored) == 0;
  EXPECT_EQ(
      tell(trailing, c.input + next, false, [](size_t) { return SIZE_MAX; }),
      c.transcript + (holds ? "left " + quote(next) + "\n" : "request GET /next HTTP/1.1\nend\n"))
      << "with trailing data";
}

void run_response_case(const Case& c) {
  SCOPED_TRACE(c.name);
  const auto make = [&](bool ask_next) {
    ResponseParser parser(c.limits);
    for (const std::string& method : c.methods) parser.expect(method);
    if (ask_next) parser.expect("GET");
    return parser;
  };
  run(c, [&] { return make(false); });
  ResponseParser parser = make(false);
  std::vector<Event> ignored;
  auto taken = parser.feed(c.input, ignored);
  if (c.eof || ends_open(c.transcript) || !taken.ok() || parser.mid_message()) return;
  const std::string next = "HTTP/1.1 204 Next\r\n\r\n";
  const bool switched = c.transcript.find("switched") != std::string::npos;
  auto trailing = make(true);
  EXPECT_EQ(tell(trailing, c.input + next, false, [](size_t) { return SIZE_MAX; }),
            c.transcript +
                (switched ? "left " + quote(next) + "\n" : "response 204 \"Next\" HTTP/1.1\nend\n"))
      << "with trailing data";
  // Unasked for, it is left alone.
  auto unasked = make(false);
  EXPECT_EQ(tell(unasked, c.input + next, false, [](size_t) { return SIZE_MAX; }),
            c.transcript + "left " + quote(next) + "\n")
      << "with unasked data";
}

}  // namespace recshim::http::testing
