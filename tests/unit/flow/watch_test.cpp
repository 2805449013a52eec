// What a connection to another host may name, each transcript whole and byte by byte.
#include "shim/flow/watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recshim::flow {
namespace {

using Verdict = Watch::Verdict;

// A ClientHello of TLS 1.2 that asks for name, in one record.
std::string hello_for(const std::string& name) {
  const auto vector = [](size_t length_bytes, const std::string& content) {
    std::string out;
    for (size_t i = length_bytes; i-- > 0;) {
      out += static_cast<char>((content.size() >> (8 * i)) & 0xff);
    }
    return out + content;
  };
  const std::string no_ext = std::string("\0\x17", 2) + vector(2, "");
  const std::string sni =
      std::string("\0\0", 2) + vector(2, vector(2, std::string(1, '\0') + vector(2, name)));
  const std::string body = "\x03\x03" + std::string(32, 'r') + vector(1, "") +
                           vector(2, "\x13\x01") + vector(1, std::string(1, '\0')) +
                           vector(2, no_ext + (name.empty() ? "" : sni));
  return "\x16\x03\x01" + vector(2, "\x01" + vector(3, body));
}

struct Seen {
  Verdict verdict = Verdict::kOther;  // of the last call
  std::string named;                  // "host:port", with "proxy " and "tls " before it
  std::string before;                 // what had been fed when it was named
  bool over = false;
};

Seen watch(const std::string& bytes, size_t step) {
  Watch watch(8080, [](const http::Origin& origin, bool) {
    return origin.host == "api.test" && (origin.port == 443 || origin.port == 8080);
  });
  Seen seen;
  for (size_t at = 0; at < bytes.size(); at += step) {
    const std::string piece = bytes.substr(at, step);
    seen.verdict = watch.feed(piece);
    seen.over = watch.over();
    if (seen.verdict != Verdict::kNamed) continue;
    const auto& named = watch.named();
    seen.named = std::string(named.socks      ? "socks "
                             : named.by_proxy ? "proxy "
                                              : "") +
                 (named.tls ? "tls " : "") + named.origin.host + ":" +
                 std::to_string(named.origin.port);
    seen.before = bytes.substr(0, at);
    EXPECT_TRUE(seen.before.ends_with(watch.begun_earlier()));
    break;
  }
  return seen;
}

std::string named(const std::string& bytes) {
  const Seen whole = watch(bytes, bytes.size());
  for (const size_t step : {1, 2, 7}) EXPECT_EQ(watch(bytes, step).named, whole.named) << step;
  return whole.named;
}

TEST(Watch, ARequestNamesByItsHost) {
  EXPECT_EQ(named("GET / HTTP/1.1\r\nHost: API.test\r\n\r\n"), "api.test:8080");
  EXPECT_EQ(named("GET / HTTP/1.1\r\nA: b\r\nHost: api.test:1\r\n\r\n"), "api.test:8080");
  EXPECT_EQ(named("GET / HTTP/1.1\r\nHost: other.test\r\n\r\n"), "");
  EXPECT_EQ(named("GET / HTTP/1.0\r\n\r\n"), "");
  EXPECT_EQ(named("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n"), "");
}

TEST(Watch, AProxyIsAskedByTheTarget) {
  EXPECT_EQ(named("CONNECT api.test:443 HTTP/1.1\r\nHost: x\r\n\r\n"), "proxy api.test:443");
  EXPECT_EQ(named("GET http://api.test:8080/ HTTP/1.1\r\nHost: x\r\n\r\n"), "proxy api.test:8080");
  EXPECT_EQ(named("GET http://api.test/ HTTP/1.1\r\nHost: x\r\n\r\n"), "");  // port 80
}

TEST(Watch, ALaterRequestOfTheSameConnection) {
  EXPECT_EQ(named("POST http://a.test/ HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nGET"
                  "POST http://b.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "3\r\nabc\r\n0\r\n\r\n"
                  "GET http://api.test:8080/ HTTP/1.1\r\nHost: api.test\r\n\r\n"),
            "proxy api.test:8080");
}

TEST(Watch, TlsNamesByItsHello) {
  EXPECT_EQ(named(hello_for("api.test")), "tls api.test:8080");
  EXPECT_EQ(named(hello_for("other.test")), "");
  EXPECT_EQ(named(hello_for("")), "");
  EXPECT_TRUE(watch(hello_for("other.test"), 1).over);
  // Its bytes after the hello are nobody's to read.
  EXPECT_EQ(named(hello_for("other.test") + hello_for("api.test")), "");
}

TEST(Watch, ATunnelIsLookedInto) {
  const std::string tunnel = "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n";
  EXPECT_EQ(named(tunnel + hello_for("api.test")), "tls api.test:443");
  EXPECT_EQ(named(tunnel + "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"), "api.test:443");
  // The proxy wanted credentials first.
  EXPECT_EQ(named(tunnel + "CONNECT api.test:443 HTTP/1.1\r\n\r\n"), "proxy api.test:443");
  EXPECT_EQ(named(tunnel + "SSH-2.0-x\r\nGET / HTTP/1.1\r\nHost: api.test\r\n\r\n"), "");
}

TEST(Watch, AnUpgradeThatWasRefusedLeavesHttp) {
  EXPECT_EQ(named("GET /chat HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
                  "Host: a.test\r\n\r\n"
                  "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"),
            "api.test:8080");
}

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

TEST(Watch, ASocksProxyIsAskedByName) {
  const std::string greeting = bytes({5, 2, 0, 2});
  const std::string request = bytes({5, 1, 0, 3, 8}) + "API.test" + bytes({1, 0xbb});
  EXPECT_EQ(named(greeting + request), "socks api.test:443");
  EXPECT_EQ(named(greeting + bytes({1, 2}) + "me" + bytes({3}) + "pwd" + request),
            "socks api.test:443");
  EXPECT_EQ(named(bytes({4, 1, 1, 0xbb, 0, 0, 0, 9}) + "me" + bytes({0}) + "api.test" + bytes({0})),
            "socks api.test:443");
  // A request without its greeting is another protocol's.
  EXPECT_EQ(named(request), "");
  EXPECT_TRUE(watch(bytes({5, 0}), 1).over);
  EXPECT_TRUE(watch(greeting + bytes({5, 9}), 1).over);
  EXPECT_TRUE(watch(greeting + bytes({5, 1, 0, 7}), 1).over);
  EXPECT_EQ(watch(greeting, 1).verdict, Verdict::kOther);
  EXPECT_EQ(watch(greeting + request.substr(0, 9), 1).verdict, Verdict::kUndecided);
}

TEST(Watch, ASocksTunnelIsLookedInto) {
  const std::string by_v4 = bytes({5, 1, 0, 5, 1, 0, 1, 192, 0, 2, 1, 1, 0xbb});
  const std::string by_v6 =
      bytes({5, 1, 0, 5, 1, 0, 4}) + std::string(15, '\0') + bytes({1, 1, 0xbb});
  const std::string by_old = bytes({4, 1, 1, 0xbb, 192, 0, 2, 1, 0});
  for (const auto& tunnel : {by_v4, by_v6, by_old}) {
    EXPECT_EQ(named(tunnel + hello_for("api.test")), "tls api.test:443");
    EXPECT_EQ(named(tunnel + "GET / HTTP/1.1\r\nHost: api.test\r\n\r\n"), "api.test:443");
    EXPECT_EQ(named(tunnel + hello_for("other.test")), "");
  }
}

TEST(Watch, SaysWhetherMoreIsNeeded) {
  const std::string request = "GET / HTTP/1.1\r\nHost: other.test\r\nContent-Length: 2\r\n\r\n";
  for (size_t n = 1; n < request.size(); ++n) {
    EXPECT_EQ(watch(request.substr(0, n), 1).verdict, Verdict::kUndecided) << n;
  }
  for (const auto* body : {"", "a", "ab"}) {
    EXPECT_EQ(watch(request + body, 1).verdict, Verdict::kOther) << body;
    EXPECT_FALSE(watch(request + body, 1).over);
  }
  EXPECT_EQ(watch(request + "abG", 1).verdict, Verdict::kUndecided);
  EXPECT_EQ(watch(hello_for("other.test").substr(0, 60), 1).verdict, Verdict::kUndecided);
}

TEST(Watch, OtherProtocolsAreGivenUpAtOnce) {
  for (const auto* other : {"SSH-2.0-OpenSSH_9.6\r\n", "*1\r\n$4\r\nPING\r\n", "EHLO a.test\r\n",
                            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x02", "{\"a\": 1}"}) {
    EXPECT_EQ(watch(other, 1).verdict, Verdict::kOther) << other;
    EXPECT_TRUE(watch(other, 1).over) << other;
  }
  const std::string postgres("\0\0\0\x08\x04\xd2\x16\x2f", 8);
  EXPECT_TRUE(watch(postgres, 1).over);
  // Broken HTTP, and a head without an end.
  EXPECT_TRUE(watch("GET / HTTP/1.1\r\nHost\r\n\r\n", 1).over);
  EXPECT_TRUE(watch("GET / HTTP/1.1\r\nA: " + std::string(100'000, 'a'), 1000).over);
}

TEST(Watch, TellsWhatEarlierCallsGaveOfTheMessage) {
  Watch watch(8080, [](const http::Origin& origin, bool) { return origin.host == "api.test"; });
  EXPECT_EQ(watch.feed("GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET /b HT"), Verdict::kUndecided);
  EXPECT_EQ(watch.feed("TP/1.1\r\nHost: api.test\r\n\r\n"), Verdict::kNamed);
  EXPECT_EQ(watch.begun_earlier(), "GET /b HT");
}

TEST(Watch, TellsWhatIsBehindAProxyFromTheServerItself) {
  const auto judged = [](const std::string& bytes) {
    std::vector<std::string> seen;
    Watch watch(80, [&](const http::Origin& origin, bool direct) {
      seen.push_back((direct ? "direct " : "behind ") + origin.host);
      return false;
    });
    watch.feed(bytes);
    return seen;
  };
  using testing::ElementsAre;
  EXPECT_THAT(judged("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"), ElementsAre("direct a.test"));
  EXPECT_THAT(judged(hello_for("a.test")), ElementsAre("direct a.test"));
  EXPECT_THAT(judged("GET http://a.test/ HTTP/1.1\r\n\r\n"), ElementsAre("behind a.test"));
  EXPECT_THAT(judged("CONNECT a.test:443 HTTP/1.1\r\n\r\n" + hello_for("b.test")),
              ElementsAre("behind a.test", "behind b.test"));
  EXPECT_THAT(judged(std::string("\5\1\0\5\1\0\3\6a.test\0\x50", 16) +
                     "GET / HTTP/1.1\r\nHost: b.test\r\n\r\n"),
              ElementsAre("behind a.test", "behind b.test"));
}

}  // namespace
}  // namespace recshim::flow
