// The promise of the whole: what ReplayConnection sends for a recorded exchange is byte for
// byte what the server had sent, wherever the bytes were cut and wherever the server died.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/flow/cases.h"
#include "tests/unit/flow/transcript.h"

namespace recshim::flow::test {
namespace {

struct Replayed {
  std::string bytes;
  std::optional<End> end;
};

// Sends the client's bytes and answers each request with the next recording.
Replayed replay(const std::string& client, std::vector<std::unique_ptr<http::Exchange>> recordings,
                const Scene& scene, const Splitter& split) {
  ReplayConnection connection(scene.origin, scene.is_proxy, scene.settings);
  Replayed result;
  size_t at = 0;
  std::deque<Command> todo;
  const auto queue = [&todo](Commands& commands) {
    for (auto& command : commands) todo.push_back(std::move(command));
  };
  for (const auto& piece : split(client)) {
    Commands commands;
    connection.on_client_bytes(piece, 1, commands);
    queue(commands);
    while (!todo.empty()) {
      Command command = std::move(todo.front());
      todo.pop_front();
      Commands further;
      if (std::holds_alternative<FindEarly>(command)) {
        const bool early = at < recordings.size() && !recordings[at]->request_complete;
        if (early) {
          connection.deliver(std::move(*recordings[at++]), 2, further);
        } else {
          connection.continue_body(2, further);
        }
      } else if (auto* find = std::get_if<Find>(&command)) {
        if (at >= recordings.size()) {
          ADD_FAILURE() << "a request more than was recorded";
          return result;
        }
        auto& recording = *recordings[at++];
        EXPECT_EQ(find->request->request.target, recording.request.target);
        EXPECT_EQ(find->request->request.headers, recording.request.headers);
        EXPECT_EQ(find->request->request_body.view(), recording.request_body.view());
        EXPECT_EQ(find->request->request_trailers, recording.request_trailers);
        EXPECT_EQ(find->request->origin, recording.origin);
        connection.deliver(std::move(recording), 2, further);
      } else {
        ADD_FAILURE() << describe(command);
      }
      queue(further);
    }
    result.bytes += take_output(connection);
  }
  EXPECT_EQ(at, recordings.size());
  result.end = connection.end_after_output();
  return result;
}

class RoundTrip : public ::testing::TestWithParam<Case> {};

TEST_P(RoundTrip, GivesTheServersBytes) {
  const Case& c = GetParam();
  if (c.replays == Case::Replays::kNot) return;
  Scene scene;
  scene.is_proxy = c.is_proxy;
  const Transcript transcript = parse_transcript(c.transcript);
  const std::string wanted = server_bytes(transcript);
  const Splitter splitters[] = {whole, byte_by_byte, random_splits(3), random_splits(4)};
  for (const auto& split : splitters) {
    for (const auto& replay_split : splitters) {
      Played played = play(transcript, scene, split, false);
      const bool reset =
          !played.saved.empty() && (played.saved.back()->truncation == http::Truncation::kReset ||
                                    played.saved.back()->truncation == http::Truncation::kClient);
      const Replayed got =
          replay(client_bytes(transcript), std::move(played.saved), scene, replay_split);
      if (c.replays == Case::Replays::kWithEnd) {
        EXPECT_TRUE(got.bytes.starts_with(wanted)) << got.bytes;
        EXPECT_EQ(got.bytes.substr(wanted.size()), "\r\n0\r\n\r\n");
        EXPECT_FALSE(got.end);
      } else {
        EXPECT_EQ(got.bytes, wanted);
        EXPECT_EQ(got.end.has_value(), !c.goes_on);
        EXPECT_EQ(got.end.value_or(End::kEof), reset ? End::kReset : End::kEof);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, RoundTrip, ::testing::ValuesIn(kCases),
                         [](const auto& each) { return std::string(each.param.name); });

// Every response, cut off after every one of its bytes.
TEST(RoundTripCut, GivesWhatCameWhereverTheServerDied) {
  const std::string client = "GET /a HTTP/1.1\r\nHost: api.test\r\n\r\n";
  const std::string responses[] = {
      "HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0B ;x=y\r\nhello "
      "world\r\n"
      "0\r\nX: y\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\nuntil the end"};
  Scene scene;
  for (const auto& response : responses) {
    for (size_t n = 0; n <= response.size(); ++n) {
      for (const auto& split : {Splitter(whole), Splitter(byte_by_byte)}) {
        const std::string part = response.substr(0, n);
        RecordConnection recorder(scene.origin, false, scene.settings);
        Commands commands;
        recorder.on_client_bytes(client, 1, commands);
        for (const auto& piece : split(part)) recorder.on_server_bytes(piece, 2, commands);
        recorder.on_server_end(End::kReset, 3, commands);
        ASSERT_EQ(commands.size(), 1u) << n;
        ASSERT_TRUE(std::holds_alternative<Save>(commands[0])) << describe(commands[0]);
        std::vector<std::unique_ptr<http::Exchange>> recordings;
        recordings.push_back(std::move(std::get<Save>(commands[0]).exchange));
        const Replayed got = replay(client, std::move(recordings), scene, whole);
        // A cut between a chunk's data and its CRLF can't be told from one after it.
        if (part.ends_with("\r\nhello") || part.ends_with("\r\nhello world")) {
          EXPECT_TRUE(got.bytes == part || got.bytes == part + "\r\n") << got.bytes;
        } else {
          EXPECT_EQ(got.bytes, part);
        }
      }
    }
  }
}

// Connections of generated messages, all the odds mixed.
TEST(RoundTripRandom, GivesTheServersBytes) {
  Scene scene;
  for (unsigned seed = 0; seed < 150; ++seed) {
    std::mt19937 random(seed);
    std::string client;
    std::string server;
    const auto body = [&random](size_t max) {
      std::string bytes(random() % max, '\0');
      for (auto& c : bytes) c = static_cast<char>(random());
      return bytes;
    };
    const int exchanges = 1 + static_cast<int>(random() % 4);
    for (int i = 0; i < exchanges; ++i) {
      const std::string sent = body(300);
      const bool head = random() % 6 == 0;
      client += (head ? "HEAD /" : "POST /") + std::to_string(i) +
                " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(sent.size()) +
                "\r\n\r\n" + sent;
      for (unsigned k = random() % 3; k > 0; --k) server += "HTTP/1.1 102 Processing\r\n\r\n";
      if (head) {
        server += "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      } else if (random() % 2 == 0) {
        const std::string got = body(70000);
        server +=
            "HTTP/1.1 200 Fine\r\nContent-Length: " + std::to_string(got.size()) + "\r\n\r\n" + got;
      } else {
        server += "HTTP/1.1 500 \r\ntransfer-encoding:  chunked\r\n\r\n";
        for (unsigned k = random() % 5; k > 0; --k) {
          const std::string chunk = "x" + body(random() % 2 == 0 ? 20 : 90000);
          char line[32];
          snprintf(line, sizeof line, random() % 2 == 0 ? "%zx\r\n" : "%06zX;e\r\n", chunk.size());
          server += line + chunk + "\r\n";
        }
        server += random() % 2 == 0 ? "0\r\n\r\n" : "000\r\nTrail:er\r\n\r\n";
      }
    }
    Transcript transcript = {{Line::Kind::kClient, client}, {Line::Kind::kServer, server}};
    RecordConnection recorder(scene.origin, false, scene.settings);
    Commands commands;
    // Either direction may come first.
    if (random() % 2 == 0) recorder.on_server_bytes(server, 1, commands);
    recorder.on_client_bytes(client, 2, commands);
    if (commands.empty()) {
      for (const auto& piece : random_splits(seed, seed % 4 == 0 ? 16384 : 1024)(server)) {
        recorder.on_server_bytes(piece, 3, commands);
      }
    }
    std::vector<std::unique_ptr<http::Exchange>> recordings;
    for (auto& command : commands) {
      ASSERT_TRUE(std::holds_alternative<Save>(command)) << describe(command);
      recordings.push_back(std::move(std::get<Save>(command).exchange));
    }
    ASSERT_EQ(recordings.size(), static_cast<size_t>(exchanges)) << "seed " << seed;
    const Replayed got = replay(client, std::move(recordings), scene, random_splits(seed + 1, 256));
    EXPECT_TRUE(got.bytes == server) << "seed " << seed;
    EXPECT_FALSE(got.end);
  }
}

}  // namespace
}  // namespace recshim::flow::test
