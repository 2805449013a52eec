// See transcript.h.
#include "tests/unit/flow/transcript.h"

#include <gtest/gtest.h>

#include <random>

namespace recshim::flow::test {
namespace {

std::string unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out.push_back(text[i]);
      continue;
    }
    switch (text[++i]) {
      case 'r':
        out.push_back('\r');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'x':
        out.push_back(
            static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
        i += 2;
        break;
      default:
        out.push_back(text[i]);
    }
  }
  return out;
}

std::string describe_exchange(const http::Exchange& ex) {
  std::string text = ex.request.method + " " + http::request_url(ex.origin, ex.request) + " " +
                     std::to_string(ex.response.status);
  if (ex.request_body.size() > 0) text += " request=" + std::to_string(ex.request_body.size());
  if (!ex.informational.empty()) text += " 1xx=" + std::to_string(ex.informational.size());
  if (ex.response_body.size() > 0) text += " body=" + std::to_string(ex.response_body.size());
  if (!ex.boundaries.empty()) text += " chunks=" + std::to_string(ex.boundaries.size());
  if (ex.closed_after) text += " closes";
  if (ex.truncation == http::Truncation::kEof) text += " truncated=eof";
  if (ex.truncation == http::Truncation::kReset) text += " truncated=reset";
  if (ex.truncation == http::Truncation::kClient) text += " truncated=client";
  if (ex.early_after_body_bytes) text += " early=" + std::to_string(*ex.early_after_body_bytes);
  if (!ex.request_complete) text += " partial";
  return text;
}

struct Describer {
  std::string operator()(const Save& c) const { return "save " + describe_exchange(*c.exchange); }
  std::string operator()(const Unrecorded& c) const {
    const auto& head = c.exchange->request;
    return "unrecorded " + head.method + (head.method.empty() ? "" : " ") +
           http::request_url(c.exchange->origin, head) + ": " + c.reason;
  }
  std::string operator()(const Find& c) const {
    return "find " + c.request->request.method + " " +
           http::request_url(c.request->origin, c.request->request) +
           (c.request->request_body.size() > 0
                ? " request=" + std::to_string(c.request->request_body.size())
                : "");
  }
  std::string operator()(const FindEarly& c) const {
    return "find-early " + c.request->request.method + " " +
           http::request_url(c.request->origin, c.request->request);
  }
  std::string operator()(const PassThrough& c) const {
    return (c.may_go_live ? "pass-live " : "pass ") + c.reason;
  }
  std::string operator()(const TlsSeen& c) const {
    return "tls " + std::to_string(c.unsent.size());
  }
  std::string operator()(const Http2Seen& c) const {
    return "http2 " + std::to_string(c.unsent.size());
  }
  std::string operator()(const Tunnel& c) const {
    return "tunnel " + c.origin.host + ":" + std::to_string(c.origin.port);
  }
};

}  // namespace

Transcript parse_transcript(std::string_view text) {
  Transcript lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    if (line.empty()) continue;
    const std::string_view mark = line.substr(0, 2);
    const std::string_view rest = line.size() > 3 ? line.substr(3) : std::string_view();
    if (mark == ">>") {
      lines.push_back({Line::Kind::kClient, unescape(rest)});
    } else if (mark == "<<") {
      lines.push_back({Line::Kind::kServer, unescape(rest)});
    } else if (line == ">! close") {
      lines.push_back({Line::Kind::kClientEnd, {}});
    } else if (line == "<! eof") {
      lines.push_back({Line::Kind::kServerEof, {}});
    } else if (line == "<! reset") {
      lines.push_back({Line::Kind::kServerReset, {}});
    } else if (mark == "==") {
      lines.push_back({Line::Kind::kExpect, std::string(rest)});
    } else {
      ADD_FAILURE() << "not a line of a transcript: " << line;
    }
  }
  return lines;
}

std::string client_bytes(const Transcript& transcript) {
  std::string all;
  for (const auto& line : transcript) {
    if (line.kind == Line::Kind::kClient) all += line.text;
  }
  return all;
}

std::string server_bytes(const Transcript& transcript) {
  std::string all;
  for (const auto& line : transcript) {
    if (line.kind == Line::Kind::kServer) all += line.text;
  }
  return all;
}

std::vector<std::string> expected(const Transcript& transcript) {
  std::vector<std::string> all;
  for (const auto& line : transcript) {
    if (line.kind == Line::Kind::kExpect) all.push_back(line.text);
  }
  return all;
}

std::string describe(const Command& command) {
  return std::visit(Describer(), command);
}

std::vector<std::string> describe(const Commands& commands) {
  std::vector<std::string> all;
  for (const auto& command : commands) all.push_back(describe(command));
  return all;
}

std::vector<std::string> whole(const std::string& bytes) {
  return {bytes};
}

std::vector<std::string> byte_by_byte(const std::string& bytes) {
  std::vector<std::string> pieces;
  for (const char c : bytes) pieces.emplace_back(1, c);
  return pieces;
}

Splitter random_splits(unsigned seed, size_t max_bytes) {
  auto random = std::make_shared<std::mt19937>(seed);
  return [random, max_bytes](const std::string& bytes) {
    std::vector<std::string> pieces;
    for (size_t pos = 0; pos < bytes.size();) {
      const size_t n = 1 + (*random)() % max_bytes;
      pieces.push_back(bytes.substr(pos, n));
      pos += n;
    }
    return pieces;
  };
}

Scene::Scene() {
  settings.env = &posix_env();
  settings.spill_dir = settings.record_dir = ::testing::TempDir();
  settings.is_configured = [](const http::Origin& asked, const std::string& address) {
    return asked.host.ends_with("api.test") ||
           (address == "192.0.2.7" && asked.host != "excluded.test");
  };
}

Played play(const Transcript& transcript, const Scene& scene, const Splitter& split,
            bool check_order) {
  RecordConnection connection(scene.origin, scene.is_proxy, scene.settings);
  Played played;
  std::vector<std::string> wanted;
  uint64_t now_us = 1'000'000;
  const auto keep = [&played](Commands& commands) {
    for (auto& command : commands) {
      played.commands.push_back(describe(command));
      if (auto* save = std::get_if<Save>(&command)) {
        played.saved.push_back(std::move(save->exchange));
      }
    }
    commands.clear();
  };
  for (size_t i = 0; i < transcript.size(); ++i) {
    const Line& line = transcript[i];
    now_us += 1000;
    Commands commands;
    switch (line.kind) {
      case Line::Kind::kClient:
        for (const auto& piece : split(line.text)) {
          connection.on_client_bytes(piece, now_us, commands);
        }
        break;
      case Line::Kind::kServer:
        for (const auto& piece : split(line.text)) {
          connection.on_server_bytes(piece, now_us, commands);
        }
        break;
      case Line::Kind::kClientEnd:
        connection.on_client_end(now_us, commands);
        break;
      case Line::Kind::kServerEof:
        connection.on_server_end(End::kEof, now_us, commands);
        break;
      case Line::Kind::kServerReset:
        connection.on_server_end(End::kReset, now_us, commands);
        break;
      case Line::Kind::kExpect:
        wanted.push_back(line.text);
        break;
    }
    keep(commands);
    const bool more_wanted =
        i + 1 < transcript.size() && transcript[i + 1].kind == Line::Kind::kExpect;
    if (check_order && !more_wanted) {
      EXPECT_EQ(played.commands, wanted) << "after line " << i + 1 << ": " << line.text;
    }
  }
  if (!check_order) {
    EXPECT_EQ(played.commands, wanted);
  }
  return played;
}

http::Exchange record_one(const std::string& client, const std::string& server,
                          const Scene& scene) {
  RecordConnection connection(scene.origin, scene.is_proxy, scene.settings);
  Commands commands;
  connection.on_client_bytes(client, 1000, commands);
  connection.on_server_bytes(server, 2000, commands);
  if (commands.empty()) connection.on_server_end(End::kEof, 3000, commands);
  if (commands.size() != 1 || !std::holds_alternative<Save>(commands[0])) {
    ADD_FAILURE() << "not one exchange: " << ::testing::PrintToString(describe(commands));
    return {};
  }
  return std::move(*std::get<Save>(commands[0]).exchange);
}

std::vector<Segment> take_segments(ReplayConnection& connection) {
  std::vector<Segment> segments;
  while (auto segment = connection.next_segment()) {
    EXPECT_LE(segment->bytes.size(), size_t{256} << 10);
    EXPECT_FALSE(segment->bytes.empty());
    segments.push_back(std::move(*segment));
  }
  EXPECT_FALSE(connection.has_output());
  return segments;
}

std::string take_output(ReplayConnection& connection) {
  std::string all;
  for (const auto& segment : take_segments(connection)) all += segment.bytes;
  return all;
}

}  // namespace recshim::flow::test
