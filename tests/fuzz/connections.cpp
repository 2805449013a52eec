// Whole connections: what is recorded from any bytes comes back from its file, and what is
// replayed does not depend on how the client's bytes were cut.
#include <algorithm>
#include <deque>
#include <memory>

#include "shim/flow/connection.h"
#include "shim/match/request_key.h"
#include "shim/store/recording.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/flow/cases.h"
#include "tests/unit/flow/transcript.h"

namespace recshim::fuzz {
namespace {

using flow::Commands;
using flow::test::Line;
using flow::test::Scene;

// A command without what depends on how the bytes were cut: how many had come, and whether
// they were still the connection's first when they were found wrong.
std::string name_of(const flow::Command& command) {
  if (std::holds_alternative<flow::TlsSeen>(command)) return "tls";
  if (std::holds_alternative<flow::Http2Seen>(command)) return "http2";
  if (std::holds_alternative<flow::PassThrough>(command)) return "pass";
  if (std::holds_alternative<flow::Unrecorded>(command)) return "unrecorded";
  std::string name = flow::test::describe(command);
  // How much of a request had come when its answer began.
  if (const size_t early = name.find(" early="); early != std::string::npos) {
    name.erase(early, name.find(' ', early + 1) - early);
  }
  return name;
}

// --- Record ---------------------------------------------------------------------------
// The first byte says how the bytes are cut, and whether the peer is a proxy. Then each turn
// is kTurn, a letter, and what was sent.
constexpr char kTurn = '\x1e';
constexpr uint64_t kNowUs = 1000;

struct Turn {
  char kind = 'c';  // client, server, eof, reset, ragged, left
  std::string_view bytes;
};

std::vector<Turn> turns_of(std::string_view text) {
  std::vector<Turn> turns;
  while (!text.empty() && turns.size() < 64) {
    const size_t end = std::min(text.find(kTurn), text.size());
    if (end > 0) turns.push_back({text[0], text.substr(1, end - 1)});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return turns;
}

struct Told {
  std::vector<std::string> commands;
  std::vector<std::unique_ptr<http::Exchange>> saved;
};

Told record(const std::vector<Turn>& turns, const Scene& scene, const uint8_t* how) {
  flow::RecordConnection connection(scene.origin, scene.is_proxy, scene.settings);
  Commands commands;
  const auto pieces = [how](std::string_view bytes) {
    return how ? cut(bytes, *how) : std::vector<std::string_view>{bytes};
  };
  for (const Turn& turn : turns) {
    if (turn.kind == 'c') {
      for (const auto piece : pieces(turn.bytes))
        connection.on_client_bytes(piece, kNowUs, commands);
    } else if (turn.kind == 's') {
      for (const auto piece : pieces(turn.bytes))
        connection.on_server_bytes(piece, kNowUs, commands);
    } else if (turn.kind == 'x') {
      connection.on_client_end(kNowUs, commands);
      break;
    } else {
      const flow::End end = turn.kind == 'e'   ? flow::End::kEof
                            : turn.kind == 'r' ? flow::End::kReset
                                               : flow::End::kRagged;
      connection.on_server_end(end, kNowUs, commands);
      break;
    }
  }
  connection.on_client_end(kNowUs, commands);
  Told told;
  for (auto& command : commands) {
    told.commands.push_back(name_of(command));
    if (auto* save = std::get_if<flow::Save>(&command))
      told.saved.push_back(std::move(save->exchange));
  }
  return told;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

bool same_response(const http::Exchange& a, const http::Exchange& b) {
  const auto head = [](const http::ResponseHead& of) {
    return of.exact.empty() ? http::serialize(of) : of.exact;
  };
  bool same = head(a.response) == head(b.response) && a.response.status == b.response.status &&
              a.response_body.view() == b.response_body.view() && a.framing == b.framing &&
              a.boundaries == b.boundaries && a.last_chunk_line == b.last_chunk_line &&
              a.response_trailers == b.response_trailers && a.exact_trailers == b.exact_trailers &&
              a.truncation == b.truncation && a.closed_after == b.closed_after &&
              a.informational.size() == b.informational.size();
  for (size_t i = 0; same && i < a.informational.size(); ++i) {
    same = head(a.informational[i]) == head(b.informational[i]);
  }
  return same;
}

// Secrets don't come back, and that is what they are for.
bool has_secret(const store::Recording& recording) {
  return recording.text().find("REDACTED") != std::string::npos;
}

void file_and_back(const http::Exchange& exchange) {
  const auto key = match::compute_key(exchange, exchange.test_id, {});
  require(key.ok(), "every request has a key");
  const auto recording = store::to_recording(exchange, *key, 1, std::nullopt);
  require(recording.ok(), "every exchange has a recording");
  const std::string text = recording->text();
  const auto read = store::Recording::parse(text);
  require(read.ok() && read->text() == text, "a recording can be read");
  const auto back = store::to_exchange(*read, [](const std::string&, uint64_t) -> Result<Body> {
    return Error{ErrorCode::kNotFound, "no file"};
  });
  require(back.ok(), "a recording can be replayed");
  require(has_secret(*recording) || same_response(exchange, *back), "what was recorded comes back");
}

// --- Replay ---------------------------------------------------------------------------

// The first exchange of a unit test's transcript.
http::Exchange recorded(size_t which) {
  const auto& each = flow::test::kCases[which % std::size(flow::test::kCases)];
  Scene scene;
  scene.is_proxy = each.is_proxy;
  auto played = flow::test::play(flow::test::parse_transcript(each.transcript), scene,
                                 flow::test::whole, false);
  if (played.saved.empty()) return recorded(which + 1);
  return std::move(*played.saved.front());
}

// Answers as `answers` says, one digit of base 8 a request, and tells what the program gets.
std::string replay(const std::vector<std::string_view>& pieces, const Scene& scene,
                   uint32_t answers) {
  flow::ReplayConnection connection(scene.origin, scene.is_proxy, scene.settings);
  std::string told;
  std::deque<flow::Command> todo;
  const auto queue = [&todo](Commands& commands) {
    std::move(commands.begin(), commands.end(), std::back_inserter(todo));
    commands.clear();
  };
  for (size_t i = 0; i <= pieces.size(); ++i) {
    Commands commands;
    if (i < pieces.size()) {
      connection.on_client_bytes(pieces[i], kNowUs, commands);
    } else {
      connection.on_client_end(kNowUs, commands);
    }
    queue(commands);
    while (!todo.empty()) {
      flow::Command command = std::move(todo.front());
      todo.pop_front();
      told += flow::test::take_output(connection) + "\n== ";
      told += name_of(command) + "\n";
      if (std::holds_alternative<flow::FindEarly>(command)) {
        connection.continue_body(kNowUs, commands);
      } else if (auto* find = std::get_if<flow::Find>(&command)) {
        const uint32_t answer = answers & 7;
        answers = answers >> 3 | answers << 29;
        if (answer == 0) {
          connection.deliver_miss("key", "what is missing", kNowUs, commands);
        } else if (answer == 1) {
          connection.answered_elsewhere(std::nullopt, kNowUs, commands);
        } else if (answer == 2) {
          std::string to_client, from_client;
          const auto all = [](std::string& text) {
            return [&text](std::string_view bytes) {
              text.append(bytes);
              return true;
            };
          };
          require(connection.surrender(*find->request, all(to_client), all(from_client)).ok(),
                  "a connection can be given up");
          for (size_t left = i + 1; left < pieces.size(); ++left) from_client.append(pieces[left]);
          return told + to_client + "\n== surrendered\n" + from_client;
        } else {
          connection.deliver(recorded(answers & 0xff), kNowUs, commands);
        }
      } else if (std::holds_alternative<flow::Tunnel>(command)) {
        connection.accept_tunnel(kNowUs);
        connection.on_client_bytes({}, kNowUs, commands);
      } else {
        return told + flow::test::take_output(connection);
      }
      queue(commands);
    }
    told += flow::test::take_output(connection);
    if (const auto end = connection.end_after_output()) {
      return told + (*end == flow::End::kReset ? "\n== reset" : "\n== eof");
    }
  }
  return told;
}

}  // namespace

void fuzz_record_connection(std::string_view bytes) {
  Choices choices(bytes);
  const uint8_t how = choices.byte();
  Scene scene;
  scene.is_proxy = (how & 1) != 0;
  const auto turns = turns_of(choices.rest());
  const Told whole = record(turns, scene, nullptr);
  require_same(joined(whole.commands), joined(record(turns, scene, &how).commands),
               "what is recorded is the same however it was cut");
  for (const auto& exchange : whole.saved) file_and_back(*exchange);
}
std::vector<std::string> seeds_record_connection() {
  std::vector<std::string> seeds;
  for (const auto& each : flow::test::kCases) {
    std::string seed(1, each.is_proxy ? '\x05' : '\x04');
    for (const Line& line : flow::test::parse_transcript(each.transcript)) {
      constexpr const char* kLetters = "csxer";  // in the order of Line::Kind
      if (line.kind == Line::Kind::kExpect) continue;
      seed += kTurn;
      seed += kLetters[static_cast<size_t>(line.kind)];
      if (line.kind == Line::Kind::kClient || line.kind == Line::Kind::kServer) seed += line.text;
    }
    seeds.push_back(seed);
  }
  return seeds;
}

// The first five bytes: how the input is cut, whether it goes to a proxy, and the answers.
void fuzz_replay_connection(std::string_view bytes) {
  Choices choices(bytes);
  const uint8_t how = choices.byte();
  Scene scene;
  scene.is_proxy = (how & 1) != 0;
  uint32_t answers = 0;
  for (int i = 0; i < 4; ++i) answers = answers << 8 | choices.byte();
  require_same(replay({choices.rest()}, scene, answers),
               replay(cut(choices.rest(), how), scene, answers),
               "what is replayed is the same however it was asked");
}
std::vector<std::string> seeds_replay_connection() {
  std::vector<std::string> seeds;
  for (const auto& each : flow::test::kCases) {
    seeds.push_back(std::string(1, each.is_proxy ? '\x05' : '\x04') + "\x3f\xa1\x0c\x1a" +
                    flow::test::client_bytes(flow::test::parse_transcript(each.transcript)));
  }
  return seeds;
}

}  // namespace recshim::fuzz
