// What RecordConnection makes of HTTP/2, as two sessions of nghttp2 speak it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "tests/unit/flow/transcript.h"

namespace recshim::flow::test {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

// One peer. Message bodies are given in pieces, each a DATA frame.
class Peer {
 public:
  explicit Peer(bool server) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    if (server) {
      nghttp2_session_server_new(&session_, callbacks, this);
    } else {
      nghttp2_session_client_new(&session_, callbacks, this);
    }
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~Peer() { nghttp2_session_del(session_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // ends: with the last piece; without pieces, with the head.
  int32_t request(const http::Headers& fields, std::vector<std::string> pieces = {},
                  bool ends = true) {
    const bool has_body = !pieces.empty() || !ends;
    auto provider = provide();
    const auto views = views_of(fields);
    const int32_t id = nghttp2_submit_request(session_, nullptr, views.data(), views.size(),
                                              has_body ? &provider : nullptr, nullptr);
    bodies_[id] = {std::move(pieces), 0, ends, {}};
    return id;
  }
  void respond(int32_t id, const http::Headers& fields, std::vector<std::string> pieces = {},
               bool ends = true, http::Headers trailers = {}) {
    const bool has_body = !pieces.empty() || !ends || !trailers.empty();
    bodies_[id] = {std::move(pieces), 0, ends, std::move(trailers)};
    auto provider = provide();
    const auto views = views_of(fields);
    nghttp2_submit_response(session_, id, views.data(), views.size(),
                            has_body ? &provider : nullptr);
  }
  void interim(int32_t id, const http::Headers& fields) {
    const auto views = views_of(fields);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, views.data(), views.size(),
                           nullptr);
  }
  void more(int32_t id, const std::string& piece, bool ends) {
    bodies_[id].pieces.push_back(piece);
    bodies_[id].ends = ends;
    nghttp2_session_resume_data(session_, id);
  }
  void reset(int32_t id, uint32_t code) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  }
  std::string output() {
    std::string out;
    const uint8_t* bytes = nullptr;
    for (ssize_t n = 0; (n = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
      out.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(n));
    }
    return out;
  }
  void input(const std::string& bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()),
                             bytes.size());
  }

 private:
  struct Content {
    std::vector<std::string> pieces;
    size_t sent = 0;
    bool ends = true;
    http::Headers trailers;
  };
  static std::vector<nghttp2_nv> views_of(const http::Headers& fields) {
    std::vector<nghttp2_nv> views;
    for (const auto& field : fields) {
      views.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(field.name.data())),
                       reinterpret_cast<uint8_t*>(const_cast<char*>(field.value.data())),
                       field.name.size(), field.value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return views;
  }
  static nghttp2_data_provider provide() {
    nghttp2_data_provider provider{};
    provider.read_callback = [](nghttp2_session* session, int32_t id, uint8_t* out, size_t,
                                uint32_t* flags, nghttp2_data_source*, void* user) -> ssize_t {
      Content& content = static_cast<Peer*>(user)->bodies_[id];
      size_t n = 0;
      if (content.sent < content.pieces.size()) {
        const std::string& piece = content.pieces[content.sent++];
        n = piece.size();
        std::memcpy(out, piece.data(), n);
      } else if (!content.ends) {
        return NGHTTP2_ERR_DEFERRED;
      }
      if (content.sent < content.pieces.size() || !content.ends) return static_cast<ssize_t>(n);
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!content.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto views = views_of(content.trailers);
        nghttp2_submit_trailer(session, id, views.data(), views.size());
      }
      return static_cast<ssize_t>(n);
    };
    return provider;
  }

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Content> bodies_;
};

http::Headers asks(const std::string& method, const std::string& path) {
  return {{":method", method}, {":scheme", "http"}, {":authority", "api.test"}, {":path", path}};
}
const http::Headers kOk = {{":status", "200"}, {"content-type", "text/plain"}};

class Http2Record : public ::testing::Test {
 protected:
  // What either peer has to say is said, until neither has.
  void exchange() {
    for (bool more = true; more;) {
      more = false;
      if (const std::string bytes = client_.output(); !bytes.empty()) {
        server_.input(bytes);
        script_.push_back({Line::Kind::kClient, bytes});
        more = true;
      }
      if (const std::string bytes = server_.output(); !bytes.empty()) {
        client_.input(bytes);
        script_.push_back({Line::Kind::kServer, bytes});
        more = true;
      }
    }
  }
  void end(Line::Kind how) { script_.push_back({how, {}}); }
  // The same however the bytes are cut.
  Played played() {
    Played all = told(whole);
    EXPECT_EQ(told(byte_by_byte).commands, all.commands);
    for (unsigned seed = 1; seed < 20; ++seed) {
      EXPECT_EQ(told(random_splits(seed)).commands, all.commands);
    }
    return all;
  }
  Played told(const Splitter& split) {
    RecordConnection connection(scene_.origin, scene_.is_proxy, scene_.settings);
    Commands commands;
    uint64_t now_us = 1000;
    for (const Line& line : script_) {
      now_us += 1000;
      if (line.kind == Line::Kind::kClientEnd) connection.on_client_end(now_us, commands);
      if (line.kind == Line::Kind::kServerEof)
        connection.on_server_end(End::kEof, now_us, commands);
      for (const std::string& piece : split(line.text)) {
        if (line.kind == Line::Kind::kClient) connection.on_client_bytes(piece, now_us, commands);
        if (line.kind == Line::Kind::kServer) connection.on_server_bytes(piece, now_us, commands);
      }
    }
    Played all;
    all.commands = describe(commands);
    for (auto& command : commands) {
      if (auto* save = std::get_if<Save>(&command)) all.saved.push_back(std::move(save->exchange));
    }
    return all;
  }
  Scene scene_;
  Transcript script_;
  Peer client_{false};
  Peer server_{true};
};

TEST_F(Http2Record, AnExchangeOfEachStream) {
  const int32_t one = client_.request(asks("GET", "/one"));
  const int32_t two = client_.request(asks("POST", "/two"), {"abc", "de"});
  exchange();
  server_.respond(two, kOk, {"first", "second"});
  exchange();
  server_.interim(one, {{":status", "103"}, {"link", "</a>"}});
  server_.respond(one, {{":status", "404"}, {"content-length", "4"}}, {"none"});
  exchange();
  const auto all = played();
  EXPECT_THAT(all.commands,
              ElementsAre("save POST http://api.test/two 200 request=5 body=11 chunks=2",
                          "save GET http://api.test/one 404 1xx=1 body=4"));
  ASSERT_EQ(all.saved.size(), 2U);
  EXPECT_EQ(all.saved[0]->request.version, "2");
  EXPECT_EQ(all.saved[0]->response.version, "2");
  EXPECT_THAT(all.saved[0]->request.headers, ElementsAre(http::Header{"host", "api.test"}));
  EXPECT_EQ(all.saved[0]->framing, http::Framing::kChunked);
  EXPECT_EQ(all.saved[1]->framing, http::Framing::kLength);
  ASSERT_EQ(all.saved[1]->informational.size(), 1U);
  EXPECT_EQ(all.saved[1]->informational[0].status, 103);
}

TEST_F(Http2Record, TrailersAndTrailersOnly) {
  const int32_t call = client_.request(asks("POST", "/s/M"), {"x"});
  const int32_t failed = client_.request(asks("POST", "/s/F"), {"x"});
  exchange();
  server_.respond(call, kOk, {"message"}, true, {{"grpc-status", "0"}});
  server_.respond(failed, {{":status", "200"}, {"grpc-status", "5"}});
  exchange();
  const auto all = played();
  EXPECT_THAT(all.commands,
              UnorderedElementsAre("save POST http://api.test/s/M 200 request=1 body=7 chunks=1",
                                   "save POST http://api.test/s/F 200 request=1"));
  for (const auto& saved : all.saved) {
    if (saved->request.target == "/s/F") {
      EXPECT_EQ(saved->framing, http::Framing::kNone);
    } else {
      EXPECT_THAT(saved->response_trailers, ElementsAre(http::Header{"grpc-status", "0"}));
    }
  }
}

TEST_F(Http2Record, AServerMaySpeakBeforeTheRequestIsWhole) {
  const int32_t call = client_.request(asks("POST", "/both"), {"a"}, false);
  exchange();
  server_.respond(call, kOk, {"1"}, false);
  exchange();
  client_.more(call, "b", true);
  exchange();
  server_.more(call, "2", true);
  exchange();
  EXPECT_THAT(played().commands,
              ElementsAre("save POST http://api.test/both 200 request=2 body=2 chunks=2 early=1"));
}

TEST_F(Http2Record, AnAnswerAfterWhichTheRestIsNotWanted) {
  const int32_t call = client_.request(asks("POST", "/upload"), {"a"}, false);
  exchange();
  server_.respond(call, {{":status", "413"}});
  exchange();
  server_.reset(call, NGHTTP2_NO_ERROR);
  exchange();
  EXPECT_THAT(played().commands,
              ElementsAre("save POST http://api.test/upload 413 request=1 early=1 partial"));
}

TEST_F(Http2Record, WhatTheProgramCancelsIsCutOffByIt) {
  const int32_t unanswered = client_.request(asks("GET", "/slow"));
  const int32_t begun = client_.request(asks("GET", "/long"));
  exchange();
  server_.respond(begun, kOk, {"some"}, false);
  exchange();
  client_.reset(unanswered, NGHTTP2_CANCEL);
  client_.reset(begun, NGHTTP2_CANCEL);
  exchange();
  EXPECT_THAT(played().commands,
              UnorderedElementsAre("unrecorded GET http://api.test/slow: the program cancelled it "
                                   "before an answer came",
                                   "save GET http://api.test/long 200 body=4 chunks=1 "
                                   "truncated=client"));
}

TEST_F(Http2Record, WhatTheServerResetsIsCutOff) {
  const int32_t call = client_.request(asks("GET", "/a"));
  exchange();
  server_.respond(call, kOk, {"some"}, false);
  exchange();
  server_.reset(call, NGHTTP2_INTERNAL_ERROR);
  exchange();
  EXPECT_THAT(played().commands,
              ElementsAre("save GET http://api.test/a 200 body=4 chunks=1 truncated=reset"));
}

TEST_F(Http2Record, TheEndOfTheConnectionCutsWhatIsOpen) {
  const int32_t begun = client_.request(asks("GET", "/a"));
  client_.request(asks("POST", "/b"), {"x"}, false);
  exchange();
  server_.respond(begun, kOk, {"some"}, false);
  exchange();
  end(Line::Kind::kServerEof);
  EXPECT_THAT(
      played().commands,
      ElementsAre("save GET http://api.test/a 200 body=4 chunks=1 truncated=eof",
                  "unrecorded POST http://api.test/b: the server closed before it answered"));
}

TEST_F(Http2Record, TheProgramsEndToo) {
  const int32_t begun = client_.request(asks("GET", "/a"));
  client_.request(asks("GET", "/b"));
  exchange();
  server_.respond(begun, kOk, {"some"}, false);
  exchange();
  end(Line::Kind::kClientEnd);
  EXPECT_THAT(
      played().commands,
      ElementsAre("save GET http://api.test/a 200 body=4 chunks=1 truncated=client",
                  "unrecorded GET http://api.test/b: the program closed before an answer came"));
}

TEST_F(Http2Record, TheServersBytesMayBeSeenFirst) {
  const int32_t one = client_.request(asks("GET", "/one"));
  exchange();
  server_.respond(one, kOk, {"body"});
  exchange();
  // Its settings, and then all the rest.
  std::stable_sort(script_.begin(), script_.end(), [](const Line& a, const Line& b) {
    return a.kind == Line::Kind::kServer && b.kind == Line::Kind::kClient;
  });
  EXPECT_THAT(played().commands, ElementsAre("save GET http://api.test/one 200 body=4 chunks=1"));
}

TEST_F(Http2Record, ManyRequestsShareTheirTables) {
  for (int i = 0; i < 100; ++i) {
    http::Headers fields = asks("GET", "/" + std::to_string(i));
    fields.push_back({"x-number-" + std::to_string(i % 7), std::to_string(i)});
    const int32_t id = client_.request(fields);
    exchange();
    server_.respond(id, {{":status", "200"}, {"x-same", "value"}}, {"x"});
    exchange();
  }
  const auto all = played();
  ASSERT_EQ(all.saved.size(), 100U);
  EXPECT_EQ(all.saved[99]->request.headers[1], (http::Header{"x-number-1", "99"}));
  EXPECT_EQ(all.saved[99]->response.headers[0], (http::Header{"x-same", "value"}));
}

TEST_F(Http2Record, AMessageWithoutAHeadIsToldOf) {
  const int32_t one = client_.request(asks("GET", "/one"));
  exchange();
  server_.respond(one, {{"x", "y"}});
  exchange();
  EXPECT_THAT(played().commands,
              ElementsAre(StartsWith("unrecorded GET http://api.test/one: the server's HTTP/2"),
                          StartsWith("pass the server's HTTP/2")));
}

TEST_F(Http2Record, ToAProxyItIsPassed) {
  scene_.is_proxy = true;
  client_.request(asks("GET", "/one"));
  exchange();
  EXPECT_THAT(played().commands, ElementsAre(StartsWith("pass the client speaks HTTP/2")));
}

}  // namespace
}  // namespace recshim::flow::test
