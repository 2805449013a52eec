// ReplayConnection: what it asks for and when, how its output is cut into segments and
// timed, and what becomes of clients, recordings and files that misbehave.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/flow/transcript.h"

namespace recshim::flow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kGet = "GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n";

class Replay : public ::testing::Test {
 protected:
  ReplayConnection& connection() {
    if (!connection_) connection_.emplace(scene_.origin, scene_.is_proxy, scene_.settings);
    return *connection_;
  }
  std::vector<std::string> send(const std::string& bytes, uint64_t now_us = 1) {
    Commands commands;
    connection().on_client_bytes(bytes, now_us, commands);
    return take(commands);
  }
  std::vector<std::string> deliver(http::Exchange recording, uint64_t now_us = 2) {
    Commands commands;
    connection().deliver(std::move(recording), now_us, commands);
    return take(commands);
  }
  std::vector<std::string> continue_body() {
    Commands commands;
    connection().continue_body(2, commands);
    return take(commands);
  }
  std::vector<std::string> miss() {
    Commands commands;
    connection().deliver_miss("key", "why", 2, commands);
    return take(commands);
  }
  std::string output() { return take_output(connection()); }

  Scene scene_;
  std::optional<ReplayConnection> connection_;
  std::optional<PassThrough> passed_;

 private:
  std::vector<std::string> take(Commands& commands) {
    auto texts = describe(commands);
    for (auto& command : commands) {
      if (auto* pass = std::get_if<PassThrough>(&command)) passed_ = *pass;
    }
    return texts;
  }
};

std::string with_length(const std::string& body, const std::string& headers = "") {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

TEST_F(Replay, AsksForPipelinedRequestsOneAtATime) {
  const std::string three =
      std::string(kGet) + "POST /b HTTP/1.1\r\nContent-Length: 2\r\n\r\nxy" + kGet;
  EXPECT_THAT(send(three), ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(send("GET /more HTTP/1.1\r\n\r\n"), IsEmpty());
  EXPECT_THAT(deliver(record_one(kGet, with_length("1"))),
              ElementsAre("find-early POST http://api.test/b"));
  EXPECT_THAT(continue_body(), ElementsAre("find POST http://api.test/b request=2"));
  EXPECT_THAT(miss(), ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(deliver(record_one(kGet, with_length("3"))),
              ElementsAre("find GET http://api.test/more"));
  EXPECT_THAT(deliver(record_one(kGet, with_length("4"))), IsEmpty());
  const std::string all = output();
  EXPECT_THAT(all, StartsWith(with_length("1") + "HTTP/1.1 424 "));
  EXPECT_THAT(all, ::testing::EndsWith(with_length("3") + with_length("4")));
  EXPECT_FALSE(connection().end_after_output());
}

TEST_F(Replay, AnswersNobodyAskedForAreIgnored) {
  EXPECT_THAT(deliver(record_one(kGet, with_length("1"))), IsEmpty());
  EXPECT_THAT(miss(), IsEmpty());
  EXPECT_THAT(continue_body(), IsEmpty());
  EXPECT_EQ(output(), "");
  EXPECT_THAT(send(kGet), ElementsAre("find GET http://api.test/a"));
}

TEST_F(Replay, NothingIsAnsweredAfterAClosingResponse) {
  EXPECT_THAT(send(std::string(kGet) + kGet), ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(deliver(record_one(kGet, with_length("1", "Connection: close\r\n"))), IsEmpty());
  EXPECT_THAT(send(kGet), IsEmpty());
  EXPECT_EQ(output(), with_length("1", "Connection: close\r\n"));
  EXPECT_EQ(connection().end_after_output(), End::kEof);
}

TEST_F(Replay, ChunksAreSegments) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  send(kGet);
  deliver(record_one(kGet, head + "3\r\nabc\r\n0002;x\r\nde\r\n0\r\n\r\n"));
  std::vector<std::string> pieces;
  for (const auto& s : take_segments(connection())) {
    pieces.push_back(s.bytes);
    EXPECT_FALSE(s.continues_boundary);
    EXPECT_EQ(s.due_us, 0u);
  }
  EXPECT_THAT(pieces, ElementsAre(head, "3\r\nabc\r\n", "0002;x\r\nde\r\n", "0\r\n\r\n"));
}

TEST_F(Replay, ABodyByLengthIsOneBoundaryWithItsHead) {
  send(kGet);
  const std::string wire = with_length(std::string(600'000, 'x'));
  deliver(record_one(kGet, wire));
  const auto segments = take_segments(connection());
  ASSERT_EQ(segments.size(), 3u);
  EXPECT_FALSE(segments[0].continues_boundary);
  EXPECT_TRUE(segments[1].continues_boundary);
  EXPECT_TRUE(segments[2].continues_boundary);
  EXPECT_EQ(segments[0].bytes + segments[1].bytes + segments[2].bytes, wire);
}

TEST_F(Replay, ABigChunkIsOneBoundaryInPieces) {
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const size_t n : {262144u - 9u, 262144u - 8u, 262144u - 7u, 262144u, 524288u}) {
    connection_.reset();
    send(kGet);
    char line[16];
    snprintf(line, sizeof line, "%zx\r\n", n);
    const std::string wire = head + line + std::string(n, 'x') + "\r\n0\r\n\r\n";
    deliver(record_one(kGet, wire));
    const auto segments = take_segments(connection());
    std::string all;
    size_t boundaries = 0;
    for (const auto& s : segments) {
      all += s.bytes;
      boundaries += s.continues_boundary ? 0 : 1;
    }
    EXPECT_TRUE(all == wire) << n;
    EXPECT_EQ(boundaries, 3u);
  }
}

TEST_F(Replay, PaceSpreadsSegments) {
  scene_.settings.pace = 2;
  http::Exchange recording;
  {
    Commands commands;
    RecordConnection recorder(scene_.origin, false, scene_.settings);
    recorder.on_client_bytes(kGet, 1000, commands);
    recorder.on_server_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 1100,
                             commands);
    recorder.on_server_bytes("1\r\na\r\n", 1500, commands);
    recorder.on_server_bytes("1\r\nb\r\n", 2000, commands);
    recorder.on_server_bytes("0\r\n\r\n", 3000, commands);
    ASSERT_EQ(commands.size(), 1u);
    recording = std::move(*std::get<Save>(commands[0]).exchange);
  }
  send(kGet, 50'000);
  deliver(std::move(recording), 60'000);
  std::vector<uint64_t> due;
  for (const auto& s : take_segments(connection())) due.push_back(s.due_us);
  EXPECT_THAT(due, ElementsAre(50'050, 50'250, 50'500, 51'000));
}

TEST_F(Replay, ContinueIsSentAtOnceAndNotTwice) {
  const std::string head = "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
  auto recording =
      record_one(head + "abc",
                 "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + with_length("hi"));
  EXPECT_THAT(send(head), ElementsAre("find-early PUT http://api.test/a"));
  EXPECT_THAT(continue_body(), IsEmpty());
  EXPECT_EQ(output(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT(send("abc"), ElementsAre("find PUT http://api.test/a request=3"));
  deliver(std::move(recording));
  EXPECT_EQ(output(), "HTTP/1.1 102 Processing\r\n\r\n" + with_length("hi"));
}

TEST_F(Replay, AClientThatDoesNotWaitGetsTheRecordedInterimResponses) {
  const std::string request =
      "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
  const std::string response = "HTTP/1.1 100 Go on\r\n\r\n" + with_length("hi");
  send(request);
  EXPECT_THAT(continue_body(), ElementsAre("find PUT http://api.test/a request=3"));
  deliver(record_one(request, response));
  EXPECT_EQ(output(), response);
}

http::Exchange early_recording(const Scene& scene, uint64_t after_bytes, const std::string& wire) {
  auto recording = record_one("GET / HTTP/1.1\r\n\r\n", wire, scene);
  recording.request_complete = false;
  recording.early_after_body_bytes = after_bytes;
  return recording;
}

TEST_F(Replay, AnEarlyAnswerComesOnceEnoughOfTheBodyHas) {
  const std::string wire = with_length("no");
  EXPECT_THAT(send("POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\n"),
              ElementsAre("find-early POST http://api.test/a"));
  EXPECT_THAT(deliver(early_recording(scene_, 4, wire)), IsEmpty());
  EXPECT_FALSE(connection().has_output());
  EXPECT_FALSE(connection().end_after_output());
  send("abc");
  EXPECT_FALSE(connection().has_output());
  send("d");
  EXPECT_EQ(output(), wire);
  // The rest of the body is no request.
  EXPECT_THAT(send("GET / "), IsEmpty());
  EXPECT_THAT(send(kGet), ElementsAre("find GET http://api.test/a"));
}

TEST_F(Replay, AnEarlyAnswerComesAtTheLatestWithTheBodysEnd) {
  send("POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\n");
  deliver(early_recording(scene_, 400, with_length("no")));
  EXPECT_THAT(send("abc" + std::string(kGet)), ElementsAre("find GET http://api.test/a"));
  EXPECT_EQ(output(), with_length("no"));
}

TEST_F(Replay, AnEarlyAnswerMayComeBeforeAnyBodyAndClose) {
  const std::string wire = with_length("no", "Connection: close\r\n");
  send("POST /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  deliver(early_recording(scene_, 0, wire));
  EXPECT_EQ(output(), wire);
  EXPECT_EQ(connection().end_after_output(), End::kEof);
  EXPECT_THAT(send("abc"), IsEmpty());
}

TEST_F(Replay, MissesRespondOrReset) {
  send(kGet);
  miss();
  EXPECT_THAT(output(), StartsWith("HTTP/1.1 424 "));
  EXPECT_FALSE(connection().end_after_output());

  connection_.reset();
  scene_.settings.respond_on_miss = false;
  send(kGet);
  miss();
  EXPECT_EQ(output(), "");
  EXPECT_EQ(connection().end_after_output(), End::kReset);
}

TEST_F(Replay, AMissClosesWhenTheClientAskedForIt) {
  send("GET /a HTTP/1.0\r\n\r\n");
  miss();
  EXPECT_THAT(output(), HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(connection().end_after_output(), End::kEof);
}

TEST_F(Replay, AMissOfHeadHasNoBody) {
  send("HEAD /a HTTP/1.1\r\n\r\n");
  miss();
  EXPECT_THAT(output(), ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(Replay, HeadNeverGetsABody) {
  send("HEAD /a HTTP/1.1\r\n\r\n");
  deliver(record_one(kGet, with_length("hello")));
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

TEST_F(Replay, TlsIsToldWithAllBytes) {
  Commands commands;
  connection().on_client_bytes("\x16", 1, commands);
  EXPECT_TRUE(commands.empty());
  connection().on_client_bytes(std::string("\x03\x01\x00", 3), 1, commands);
  ASSERT_EQ(commands.size(), 1u);
  EXPECT_EQ(std::get<TlsSeen>(commands[0]).unsent, std::string("\x16\x03\x01\x00", 4));
}

TEST_F(Replay, Http2IsSomebodyElsesToServe) {
  EXPECT_THAT(send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), ElementsAre("http2 24"));
  EXPECT_THAT(send("more"), IsEmpty());
}

TEST_F(Replay, OtherProtocolsAreNotLetThrough) {
  EXPECT_THAT(send("*1\r\n$4\r\nPING\r\n"),
              ElementsAre("pass the client speaks neither HTTP nor TLS"));
  EXPECT_THAT(send(kGet), IsEmpty());
  connection_.reset();
  EXPECT_THAT(send("GET /a HTTP/1.1\r\nbroken\r\n\r\n"),
              ElementsAre(StartsWith("pass the client's request can't be read")));
}

TEST_F(Replay, UpgradesAreAskedForAsOtherRequestsAre) {
  const std::string websocket =
      "GET /a HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const std::string declined = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno";
  EXPECT_THAT(send(websocket + kGet), ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(deliver(record_one(websocket, declined)), ElementsAre("find GET http://api.test/a"))
      << "the connection goes on";
  EXPECT_EQ(output(), declined);
  connection_.reset();
  send(websocket);
  Commands more;
  connection().deliver_miss("", "", 3, more);
  EXPECT_EQ(output(), "");
  EXPECT_EQ(connection().end_after_output(), End::kReset);
  connection_.reset();
  const std::string h2c =
      "GET /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n";
  EXPECT_THAT(send(h2c + kGet), ElementsAre("find GET http://api.test/a"));
  EXPECT_THAT(deliver(record_one(kGet, with_length("x"))),
              ElementsAre("find GET http://api.test/a"));
}

TEST_F(Replay, TunnelsOfAProxy) {
  scene_.is_proxy = true;
  scene_.origin = {"", "proxy.example", 3128};
  EXPECT_THAT(send("CONNECT api.test:443 HTTP/1.1\r\nHost: x\r\n\r\n"),
              ElementsAre("tunnel api.test:443"));
  EXPECT_EQ(output(), "");
  connection().accept_tunnel(2);
  EXPECT_EQ(output(), "HTTP/1.1 200 Connection Established\r\n\r\n");
  EXPECT_EQ(connection().origin(), (http::Origin{"", "api.test", 443}));
  EXPECT_THAT(send(kGet), ElementsAre("find GET http://api.test:443/a"));
  deliver(record_one(kGet, with_length("x")));
  EXPECT_EQ(output(), with_length("x"));
}

TEST_F(Replay, BytesSentAheadIntoATunnelAreKept) {
  scene_.is_proxy = true;
  EXPECT_THAT(send("CONNECT api.test:443 HTTP/1.1\r\n\r\n\x16\x03\x01"),
              ElementsAre("tunnel api.test:443"));
  connection().accept_tunnel(2);
  EXPECT_THAT(send(""), ElementsAre("tls 3"));
}

TEST_F(Replay, AProxysOtherHostsMayGoLive) {
  scene_.is_proxy = true;
  const std::string connect = "CONNECT other.example:443 HTTP/1.1\r\nHost: x\r\n\r\nahead";
  EXPECT_THAT(send(connect.substr(0, 20)), IsEmpty());
  EXPECT_THAT(send(connect.substr(20)),
              ElementsAre("pass-live a tunnel to other.example:443, which is not configured"));
  EXPECT_EQ(passed_->unsent, connect);

  connection_.reset();
  const std::string other = "GET http://other.example/ HTTP/1.1\r\n\r\n";
  EXPECT_THAT(send(other), ElementsAre(StartsWith("pass-live a request for http://other.example")));
  EXPECT_EQ(passed_->unsent, other);

  // Not once a recording has answered: the real server has seen nothing of that.
  connection_.reset();
  EXPECT_THAT(send("GET http://api.test/a HTTP/1.1\r\n\r\n"),
              ElementsAre("find GET http://api.test/a"));
  deliver(record_one(kGet, with_length("x")));
  EXPECT_THAT(send(other), ElementsAre(StartsWith("pass a request for http://other.example")));
  EXPECT_EQ(passed_->unsent, "");
}

TEST_F(Replay, AHostThatIsExcludedMayGoLiveWhereTheAddressIsConfigured) {
  scene_.origin = {"http", "192.0.2.7", 80};
  const std::string excluded = "GET /a HTTP/1.1\r\nHost: excluded.test\r\n\r\n";
  EXPECT_THAT(send(excluded),
              ElementsAre(StartsWith("pass-live a request for http://excluded.test")));
  EXPECT_EQ(passed_->unsent, excluded);
  connection_.reset();
  EXPECT_THAT(send("GET /a HTTP/1.1\r\nHost: any.test\r\n\r\n"),
              ElementsAre("find GET http://any.test/a"));
  // Not where its TLS has been taken off.
  connection_.reset();
  scene_.origin = {"https", "192.0.2.7", 443};
  EXPECT_THAT(send(excluded), ElementsAre(StartsWith("pass a request for https://excluded.test")));
}

TEST_F(Replay, AHostHeaderDoesNotChangeWhereANamedConnectionLeads) {
  EXPECT_THAT(send("GET /a HTTP/1.1\r\nHost: excluded.test\r\n\r\n"),
              ElementsAre("find GET http://api.test/a"));
}

TEST_F(Replay, AHalfClosedClientStillGetsItsAnswer) {
  send(kGet);
  deliver(record_one(kGet, with_length("x")));
  Commands commands;
  connection().on_client_end(3, commands);
  EXPECT_EQ(output(), with_length("x"));
  EXPECT_EQ(connection().end_after_output(), End::kEof);
}

// A file that ends before the body it is said to hold, as one that was cut under us.
class ShortFile : public SpillFile {
 public:
  Status append(std::string_view) override { return Error{ErrorCode::kIo, "read only"}; }
  Result<size_t> read_at(uint64_t offset, char* out, size_t n) const override {
    if (offset >= 300'000) return Error{ErrorCode::kIo, "it vanished"};
    std::fill(out, out + n, 'x');
    return n;
  }
  Status publish(const std::string&) override { return Error{ErrorCode::kIo, "read only"}; }
};

TEST_F(Replay, AnUnreadableBodyResetsTheConnection) {
  send(kGet);
  http::Exchange recording;
  recording.response.status = 200;
  recording.response.headers = {{"Content-Length", "1000000"}};
  recording.framing = http::Framing::kLength;
  recording.response_body = Body::from_file(std::make_unique<ShortFile>(), 1'000'000);
  deliver(std::move(recording));
  EXPECT_TRUE(connection().next_segment());
  while (connection().next_segment()) continue;
  EXPECT_FALSE(connection().has_output());
  EXPECT_EQ(connection().end_after_output(), End::kReset);
  EXPECT_THAT(connection().take_failure(), StartsWith("a recorded body can't be read"));
  EXPECT_EQ(connection().take_failure(), "") << "told once";
}

TEST_F(Replay, ARecordingWhoseChunksLieResetsTheConnection) {
  send(kGet);
  auto recording = record_one(
      kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  recording.boundaries.push_back({99, 0, ""});
  EXPECT_THAT(deliver(std::move(recording)), IsEmpty());
  output();
  EXPECT_EQ(connection().end_after_output(), End::kReset);
}

TEST_F(Replay, ARecordingWithoutBoundariesIsSentAsOneChunk) {
  send(kGet);
  http::Exchange recording;
  recording.response.status = 200;
  recording.response.reason = "OK";
  recording.response.headers = {{"Transfer-Encoding", "chunked"}};
  recording.framing = http::Framing::kChunked;
  recording.response_body = Body("hello world");
  deliver(std::move(recording));
  EXPECT_EQ(output(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n");
}

TEST_F(Replay, StampsAndNumericOrigins) {
  scene_.origin = {"http", "198.51.100.7", 80};
  connection().stamp = [] { return RecordConnection::Stamp{"t", "setup", 5}; };
  Commands commands;
  connection().on_client_bytes(kGet, 1, commands);
  ASSERT_EQ(commands.size(), 1u);
  const auto& request = *std::get<Find>(commands[0]).request;
  EXPECT_EQ(request.test_id, "t");
  EXPECT_EQ(request.test_phase, "setup");
  EXPECT_EQ(request.started_wall_us, 5u);
  EXPECT_EQ(request.origin.host, "api.test");
  EXPECT_TRUE(request.request_complete);
}

// Costs no memory, whatever its size: the body is made up as it is read.
class EndlessFile : public SpillFile {
 public:
  Status append(std::string_view) override { return Error{ErrorCode::kIo, "read only"}; }
  Result<size_t> read_at(uint64_t, char* out, size_t n) const override {
    std::fill(out, out + n, 'x');
    return n;
  }
  Status publish(const std::string&) override { return Error{ErrorCode::kIo, "read only"}; }
};

TEST_F(Replay, AHugeBodyIsReadPieceByPiece) {
  constexpr uint64_t kSize = uint64_t{1} << 28;
  send(kGet);
  http::Exchange recording;
  recording.response.status = 200;
  recording.framing = http::Framing::kLength;
  recording.response.headers = {{"Content-Length", std::to_string(kSize)}};
  const uint64_t head_bytes = http::serialize(recording.response).size();
  recording.response_body = Body::from_file(std::make_unique<EndlessFile>(), kSize);
  deliver(std::move(recording));
  uint64_t total = 0;
  while (auto segment = connection().next_segment()) {
    ASSERT_LE(segment->bytes.size(), size_t{256} << 10);
    total += segment->bytes.size();
  }
  EXPECT_EQ(total, kSize + head_bytes);
}

}  // namespace
}  // namespace recshim::flow::test
