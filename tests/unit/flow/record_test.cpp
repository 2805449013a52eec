// RecordConnection: every transcript whole, byte by byte, in random pieces, with a further
// request behind it, and with the server's bytes ahead; then what transcripts can't show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/flow/cases.h"
#include "tests/unit/flow/transcript.h"

namespace recshim::flow::test {
namespace {

class RecordCase : public ::testing::TestWithParam<Case> {
 protected:
  RecordCase() : transcript_(parse_transcript(GetParam().transcript)) {
    scene_.is_proxy = GetParam().is_proxy;
    if (scene_.is_proxy) scene_.origin = {"", "proxy.example", 3128};
  }
  Scene scene_;
  Transcript transcript_;
};

TEST_P(RecordCase, Whole) {
  play(transcript_, scene_, whole, true);
}

TEST_P(RecordCase, ByteByByte) {
  // A message that can't be understood is told of as soon as that is known, and a tunnel's
  // bytes may be cut anywhere: only what comes of it all is the same.
  if (GetParam().name == "tls" || GetParam().name == "tunnel_with_tls") return;
  play(transcript_, scene_, byte_by_byte, false);
}

TEST_P(RecordCase, RandomPieces) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    if (GetParam().name == "tls" || GetParam().name == "tunnel_with_tls") return;
    play(transcript_, scene_, random_splits(seed), false);
  }
}

TEST_P(RecordCase, WithAFurtherRequestBehind) {
  if (!GetParam().goes_on || GetParam().order_matters || GetParam().is_proxy) return;
  Transcript extended;
  // All requests first, then all responses: pipelined, with the further request in the
  // same bytes as the last one.
  std::string client = client_bytes(transcript_) + "GET /further HTTP/1.1\r\nHost: h\r\n\r\n";
  std::string server = server_bytes(transcript_) + "HTTP/1.1 204 \r\n\r\n";
  extended.push_back({Line::Kind::kClient, client});
  extended.push_back({Line::Kind::kServer, server});
  for (const auto& text : expected(transcript_)) extended.push_back({Line::Kind::kExpect, text});
  extended.push_back({Line::Kind::kExpect, "save GET http://api.test/further 204"});
  play(extended, scene_, whole, true);
  play(extended, scene_, byte_by_byte, false);
  play(extended, scene_, random_splits(1), false);
}

TEST_P(RecordCase, ServerBytesAhead) {
  if (GetParam().order_matters || GetParam().name == "server_speaks_first" ||
      GetParam().name == "another_protocol") {
    return;
  }
  // Each run of server lines before the client line it answers.
  Transcript swapped;
  for (size_t i = 0; i < transcript_.size(); ++i) {
    if (transcript_[i].kind == Line::Kind::kClient) {
      const size_t client = i;
      while (i + 1 < transcript_.size() && transcript_[i + 1].kind == Line::Kind::kServer) {
        swapped.push_back(transcript_[++i]);
      }
      swapped.push_back(transcript_[client]);
    } else {
      swapped.push_back(transcript_[i]);
    }
  }
  play(swapped, scene_, whole, false);
}

INSTANTIATE_TEST_SUITE_P(All, RecordCase, ::testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

std::unique_ptr<http::Exchange> only_save(Commands& commands) {
  EXPECT_EQ(commands.size(), 1u) << ::testing::PrintToString(describe(commands));
  if (commands.size() != 1 || !std::holds_alternative<Save>(commands[0])) return nullptr;
  return std::move(std::get<Save>(commands[0]).exchange);
}

TEST(Record, TimesCountFromTheRequestsLastByte) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_client_bytes("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na", 10,
                             commands);
  connection.on_client_bytes("b", 100, commands);
  connection.on_server_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 130,
                             commands);
  connection.on_server_bytes("1\r\na", 150, commands);
  connection.on_server_bytes("\r\n2\r\nbc\r\n", 170, commands);
  connection.on_server_bytes("0\r\n\r\n", 200, commands);
  const auto ex = only_save(commands);
  ASSERT_NE(ex, nullptr);
  EXPECT_EQ(ex->head_offset_us, 30u);
  ASSERT_EQ(ex->boundaries.size(), 2u);
  EXPECT_EQ(ex->boundaries[0].offset_us, 70u);
  EXPECT_EQ(ex->boundaries[1].offset_us, 70u);
  EXPECT_EQ(ex->end_offset_us, 100u);
}

TEST(Record, TheFirstByteOfARequestIsStamped) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  int calls = 0;
  connection.stamp = [&calls] {
    ++calls;
    return RecordConnection::Stamp{"test-" + std::to_string(calls), "call", 77};
  };
  Commands commands;
  EXPECT_FALSE(connection.busy());
  connection.on_client_bytes("GET / HT", 1, commands);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(connection.busy());
  connection.on_client_bytes("TP/1.1\r\nHost: h\r\n\r\nGET /2 ", 2, commands);
  EXPECT_EQ(calls, 2);
  connection.on_client_bytes("HTTP/1.1\r\n\r\n", 3, commands);
  connection.on_server_bytes("HTTP/1.1 204 \r\n\r\nHTTP/1.1 204 \r\n\r\n", 4, commands);
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(connection.busy());
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(std::get<Save>(commands[0]).exchange->test_id, "test-1");
  EXPECT_EQ(std::get<Save>(commands[1]).exchange->test_id, "test-2");
  EXPECT_EQ(std::get<Save>(commands[1]).exchange->test_phase, "call");
  EXPECT_EQ(std::get<Save>(commands[1]).exchange->started_wall_us, 77u);
}

TEST(Record, ANumericOriginTakesTheNameOfHost) {
  Scene scene;
  scene.origin = {"https", "192.0.2.7", 8443};
  auto ex = record_one("GET / HTTP/1.1\r\nHost: Name.Example:8443\r\n\r\n", "HTTP/1.1 204 \r\n\r\n",
                       scene);
  EXPECT_EQ(ex.origin, (http::Origin{"https", "name.example", 8443}));
  ex = record_one("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "HTTP/1.1 204 \r\n\r\n", scene);
  EXPECT_EQ(ex.origin.host, "192.0.2.7");
}

// A connection to an address that several hosts have, of which api.test was looked up last.
TEST(Record, TheHostHeaderDecidesWhereTheNameIsAGuess) {
  Scene scene;
  scene.origin.port = 8080;
  const auto ask = [](RecordConnection& connection, const std::string& target,
                      const std::string& host) {
    Commands commands;
    connection.on_client_bytes("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n", 1,
                               commands);
    connection.on_server_bytes("HTTP/1.1 204 \r\n\r\n", 2, commands);
    const auto lines = describe(commands);
    return lines.empty() ? std::string() : lines.front();
  };
  RecordConnection connection(scene.origin, false, scene.settings);
  connection.set_address("192.0.2.8", [](const std::string& host) {
    return host.ends_with(".test") || host == "192.0.2.8";
  });
  EXPECT_EQ(ask(connection, "/1", "api.test"), "save GET http://api.test:8080/1 204");
  EXPECT_EQ(ask(connection, "/2", "B.Api.Test:9"), "save GET http://b.api.test:8080/2 204");
  EXPECT_EQ(ask(connection, "/3", "other.test"), "") << "not configured";
  EXPECT_EQ(ask(connection, "/4", "192.0.2.8:8080"), "") << "nor is the address";
  // Of a host that has nothing to do with the address, the program says so on purpose: in replay
  // the connection is to api.test.
  EXPECT_EQ(ask(connection, "/5", "forwarded.example"), "save GET http://api.test:8080/5 204");
  EXPECT_EQ(ask(connection, "/6", "[::1"), "save GET http://api.test:8080/6 204");
  EXPECT_EQ(ask(connection, "http://other.test/7", "api.test"), "");
  EXPECT_EQ(ask(connection, "/8", "api.test"), "save GET http://api.test:8080/8 204");

  // Nobody looked it up; the address is configured, and one of its hosts is not.
  RecordConnection by_address({"http", "192.0.2.7", 80}, false, scene.settings);
  by_address.set_address("192.0.2.7", nullptr);
  EXPECT_EQ(ask(by_address, "/1", "any.test"), "save GET http://any.test/1 204");
  EXPECT_EQ(ask(by_address, "/2", "excluded.test"), "");
  EXPECT_EQ(ask(by_address, "/3", "192.0.2.7"), "save GET http://192.0.2.7/3 204");
}

TEST(Record, WhatIsNotConfiguredIsNoLoss) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  connection.set_address("192.0.2.8", nullptr);
  Commands commands;
  connection.on_client_bytes("GET /1 HTTP/1.1\r\nHost: other.test\r\n\r\n", 1, commands);
  connection.on_server_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 2, commands);
  connection.on_client_end(3, commands);
  EXPECT_EQ(describe(commands), std::vector<std::string>{});
}

TEST(Record, InATunnelTheAddressIsTheProxys) {
  Scene scene;
  RecordConnection connection({"http", "proxy.api.test", 3128}, false, scene.settings);
  connection.set_address("192.0.2.8", nullptr);
  Commands commands;
  connection.on_client_bytes("CONNECT api.test:80 HTTP/1.1\r\n\r\n", 1, commands);
  connection.on_server_bytes("HTTP/1.1 200 OK\r\n\r\n", 2, commands);
  connection.on_client_bytes("GET /1 HTTP/1.1\r\nHost: other.test\r\n\r\n", 3, commands);
  connection.on_server_bytes("HTTP/1.1 204 \r\n\r\n", 4, commands);
  EXPECT_EQ(describe(commands),
            (std::vector<std::string>{"tunnel api.test:80", "save GET http://api.test/1 204"}));
}

TEST(Record, TheEndMayComeBeforeTheRequestIsSeen) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_server_bytes("HTTP/1.1 200 OK\r\n\r\nbody", 1, commands);
  connection.on_server_end(End::kEof, 2, commands);
  EXPECT_TRUE(commands.empty());
  connection.on_client_bytes("GET / HTTP/1.1\r\n\r\n", 3, commands);
  EXPECT_EQ(describe(commands),
            std::vector<std::string>{"save GET http://api.test/ 200 body=4 closes"});
}

TEST(Record, UnansweredPipelinedRequestsAreToldOf) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_client_bytes("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", 1, commands);
  connection.on_server_bytes("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", 2, commands);
  connection.on_server_end(End::kReset, 3, commands);
  EXPECT_EQ(describe(commands),
            (std::vector<std::string>{
                "save GET http://api.test/1 200 body=1 truncated=reset",
                "unrecorded GET http://api.test/2: the server closed before it answered"}));
}

TEST(Record, BytesThatWaitTooLongAreGivenUp) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_server_bytes("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", 1, commands);
  const std::string block(size_t{8} << 20, 'x');
  for (int i = 0; i < 9; ++i) connection.on_server_bytes(block, 2, commands);
  EXPECT_EQ(describe(commands),
            (std::vector<std::string>{
                "unrecorded http://api.test: one direction is more than 64 MiB ahead of the other",
                "pass one direction is more than 64 MiB ahead of the other"}));
}

TEST(Record, AServerThatNeverStopsItsHeadsIsGivenUp) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_client_bytes("GET / HTTP/1.1\r\n\r\n", 1, commands);
  const std::string hint =
      "HTTP/1.1 103 Early Hints\r\nLink: " + std::string(60000, 'x') + "\r\n\r\n";
  for (int i = 0; i < 2000 && commands.empty(); ++i) connection.on_server_bytes(hint, 2, commands);
  EXPECT_EQ(describe(commands),
            (std::vector<std::string>{
                "unrecorded GET http://api.test/: a response's heads and chunk lines outgrow what "
                "can be kept",
                "pass a response's heads and chunk lines outgrow what can be kept"}));
}

TEST(Record, WhatWasCompleteStaysSavedWhenTheRestBreaks) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_client_bytes("GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n", 1, commands);
  connection.on_server_bytes(
      "HTTP/1.1 204 \r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 2,
      commands);
  ASSERT_EQ(commands.size(), 3u);
  EXPECT_EQ(describe(commands[0]), "save GET http://api.test/1 204");
  EXPECT_THAT(describe(commands[1]),
              ::testing::StartsWith("unrecorded GET http://api.test/2: the "));
  EXPECT_THAT(describe(commands[2]), ::testing::StartsWith("pass the server's response"));
  connection.on_server_bytes("HTTP/1.1 204 \r\n\r\n", 3, commands);
  connection.on_server_end(End::kEof, 4, commands);
  connection.on_client_end(5, commands);
  EXPECT_EQ(commands.size(), 3u);
}

TEST(Record, WhatGoesThroughAProxyElsewhereIsNoLoss) {
  Scene scene;
  const auto told = [&](std::string_view client, std::string_view server) {
    RecordConnection connection(scene.origin, true, scene.settings);
    Commands commands;
    connection.on_client_bytes(client, 1, commands);
    connection.on_server_bytes(server, 2, commands);
    connection.on_client_end(3, commands);
    return describe(commands);
  };
  constexpr std::string_view kOpened = "HTTP/1.1 200 OK\r\n\r\n";
  EXPECT_EQ(told("CONNECT other.example:443 HTTP/1.1\r\n\r\n", kOpened),
            std::vector<std::string>{"pass a tunnel to a host that is not configured"});
  EXPECT_TRUE(told("GET http://other.example/ HTTP/1.1\r\n\r\n", "").empty());
  EXPECT_EQ(told("GET http://api.test/ HTTP/1.1\r\n\r\n", ""),
            std::vector<std::string>{
                "unrecorded GET http://api.test/: the program closed before an answer came"});
  EXPECT_EQ(told("\x05\x01", "\x05"),
            std::vector<std::string>{"pass the client speaks neither HTTP nor TLS"});
}

// Env without files: any attempt to spill fails, and is counted.
class NoFiles : public Env {
 public:
  int spills = 0;
  Result<std::unique_ptr<SpillFile>> create_spill(const std::string&) override {
    ++spills;
    return refuse();
  }
  Result<std::string> read_file(const std::string&) override { return refuse(); }
  Result<std::unique_ptr<SpillFile>> open_readonly(const std::string&) override { return refuse(); }
  Status write_atomic(const std::string&, std::string_view) override { return refuse(); }
  Status append(const std::string&, std::string_view) override { return refuse(); }
  Status rename(const std::string&, const std::string&) override { return refuse(); }
  Status remove(const std::string&) override { return refuse(); }
  Status remove_tree(const std::string&) override { return refuse(); }
  Status make_dirs(const std::string&, unsigned) override { return refuse(); }
  Status set_mtime_ns(const std::string&, int64_t) override { return refuse(); }
  Result<std::vector<DirEntry>> list(const std::string&) override { return refuse(); }
  Result<FileInfo> stat(const std::string&) override { return refuse(); }
  Result<std::unique_ptr<FileLock>> lock(const std::string&) override { return refuse(); }
  Result<std::unique_ptr<FileLock>> lock_folder(const std::string&) override { return refuse(); }
  uint64_t wall_time_us() override { return 0; }
  uint64_t monotonic_time_us() override { return 0; }

 private:
  static Error refuse() { return Error{ErrorCode::kIo, "no files here"}; }
};

std::vector<std::string> record_big_body(const std::string& target, NoFiles& env) {
  Scene scene;
  scene.is_proxy = true;
  scene.settings.env = &env;
  RecordConnection connection(scene.origin, true, scene.settings);
  Commands commands;
  connection.on_client_bytes("GET " + target + " HTTP/1.1\r\n\r\n", 1, commands);
  const std::string block(size_t{4} << 20, 'x');
  connection.on_server_bytes("HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n", 2, commands);
  for (int i = 0; i < 4; ++i) connection.on_server_bytes(block, 2, commands);
  EXPECT_FALSE(connection.busy());
  return describe(commands);
}

TEST(Record, ABodyThatCanNotBeKeptIsToldOf) {
  NoFiles env;
  EXPECT_EQ(
      record_big_body("http://api.test/a", env),
      std::vector<std::string>{"unrecorded GET http://api.test/a: its body could not be kept"});
  EXPECT_EQ(env.spills, 1);
}

TEST(Record, BodiesOfOtherHostsAreNotKept) {
  NoFiles env;
  EXPECT_TRUE(record_big_body("http://other.example/a", env).empty());
  EXPECT_EQ(env.spills, 0);
}

TEST(Record, AChunkThatTheClientLeftAfterTheLastWordIsMadeWhole) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  Commands commands;
  connection.on_client_bytes("GET / HTTP/1.1\r\n\r\n", 1, commands);
  connection.on_server_bytes(
      "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
      "FF\r\n{\"done\":false}\n{\"done\":true}\n",
      2, commands);
  connection.on_client_end(3, commands);
  const auto ex = only_save(commands);
  ASSERT_NE(ex, nullptr);
  EXPECT_EQ(ex->truncation, http::Truncation::kNone);
  ASSERT_EQ(ex->boundaries.size(), 1u);
  EXPECT_EQ(ex->boundaries[0].size_bytes, ex->response_body.size());
  EXPECT_EQ(ex->boundaries[0].exact_line, "");
}

// The order in which requests were sent is told when they are, not when they are answered.
TEST(Record, TellsOfEachRequestWhenItsLastByteIsSent) {
  Scene scene;
  RecordConnection connection(scene.origin, false, scene.settings);
  std::vector<std::string> sent;
  connection.sent = [&](http::Exchange& exchange) { sent.push_back(exchange.request.target); };
  Commands commands;
  connection.on_client_bytes("POST /1 HTTP/1.1\r\nHost: api.test\r\nContent-Length: 2\r\n\r\na", 1,
                             commands);
  EXPECT_TRUE(sent.empty());
  connection.on_client_bytes("bGET /2 HTTP/1.1\r\nHost: api.test\r\n\r\n", 2, commands);
  EXPECT_EQ(sent, (std::vector<std::string>{"/1", "/2"}));
  EXPECT_TRUE(commands.empty());
}

}  // namespace
}  // namespace recshim::flow::test
