// Bodies that are the same request although their bytes differ, by their kinds.
#include "shim/match/payload.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "shim/match/earlier_key.h"
#include "shim/match/graphql.h"
#include "shim/match/request_key.h"

namespace recshim::match {
namespace {

const MatchOptions kNone;

struct Sent {
  std::string type;
  std::string body;
  std::string coding = {};
  std::string target = "/";
};

http::Exchange exchange(const Sent& sent) {
  http::Exchange out;
  out.origin = {"https", "h.example", 443};
  out.request.method = "POST";
  out.request.target = sent.target;
  if (!sent.type.empty()) out.request.headers.push_back({"Content-Type", sent.type});
  if (!sent.coding.empty()) out.request.headers.push_back({"Content-Encoding", sent.coding});
  out.request_body = Body(sent.body);
  return out;
}

std::string hash(const Sent& sent) {
  const auto key = compute_key(exchange(sent), "t", kNone);
  EXPECT_TRUE(key.ok());
  if (!key.ok()) return "";
  // What a file holds is what it is found by.
  EXPECT_EQ(hash_of_recorded(key->request, "t", kNone), key->hash) << sent.body;
  return key->hash;
}

std::string before(const Sent& sent) {
  const auto out = hash_before(exchange(sent), "t", kNone);
  EXPECT_TRUE(out.ok());
  return out.ok() ? *out : "";
}

std::string payload(const Sent& sent) {
  const auto out = read_payload(exchange(sent), Dialect::kGeneric, kNone);
  EXPECT_TRUE(out.ok());
  return out.ok() ? dump(*out, compact_style()) : "";
}

std::string zipped(const std::string& text, int level, int bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(Payload, JsonByAnyName) {
  for (const char* const type : {"application/x-amz-json-1.0", "application/csp-report",
                                 "application/vnd.git-lfs+json; charset=utf-8", "text/json",
                                 "application/vnd.own", "application/x-www-form-urlencoded", ""}) {
    EXPECT_EQ(hash({type, R"({"a": 1, "b": [2]})"}), hash({type, R"({"b":[2],"a":1})"})) << type;
    EXPECT_NE(hash({type, R"({"a":1})"}), hash({type, R"({"a":2})"})) << type;
  }
  EXPECT_NE(hash({"application/octet-stream", "{\"a\": 1}"}),
            hash({"application/octet-stream", "{\"a\":1}"}));
}

TEST(Payload, LinesOfJson) {
  const std::string type = "application/x-ndjson";
  EXPECT_EQ(payload({type, "{\"index\":{}}\n{\"a\":1}\n"}), R"({"lines":[{"index":{}},{"a":1}]})");
  EXPECT_EQ(hash({type, "{\"index\":{}}\n{\"a\":1,\"b\":2}\n"}),
            hash({type, "{ \"index\": {} }\r\n\r\n{\"b\":2,\"a\":1}"}));
  EXPECT_NE(hash({type, "{\"a\":1}\n{\"a\":2}\n"}), hash({type, "{\"a\":2}\n{\"a\":1}\n"}));
  EXPECT_EQ(hash({"application/json", "{\"a\":1}\n{\"a\": 2}"}),
            hash({"application/json", "{\"a\": 1}\n{\"a\":2}\n"}));
}

TEST(Payload, CodingsAreUndone) {
  const std::string text = R"({"metrics":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]})";
  const std::string plain = hash({"application/json", text});
  for (const int level : {1, 9}) {
    EXPECT_EQ(hash({"application/json", zipped(text, level, 15 + 16), "gzip"}), plain);
    EXPECT_EQ(hash({"application/json", zipped(text, level, 15), "deflate"}), plain);
  }
  EXPECT_EQ(payload({"application/x-protobuf", zipped("\x08\x01", 1, 31), "gzip"}),
            payload({"application/x-protobuf", "\x08\x01"}));
  // What can't be undone is taken as it is.
  EXPECT_EQ(payload({"application/json", "broken", "gzip"}), payload({"x/y", "broken"}));
  // A dialect's too: its recorder sees what the SDK was called with.
  const std::string chat = R"({"model":"m"})";
  const std::string target = "/v1/chat/completions";
  EXPECT_EQ(hash({"application/json", zipped(chat, 6, 31), "gzip", target}),
            hash({"application/json", chat, "", target}));
}

TEST(Payload, XmlWithoutItsSecrets) {
  EXPECT_EQ(payload({"text/xml", "<a b='1'><Password>hunter2</Password></a>"}),
            R"({"xml":["a",{"b":"1"},["Password","REDACTED"]]})");
  const auto soap = [](const std::string& nonce) {
    return Sent{"application/soap+xml",
                "<e xmlns:s='http://docs.oasis-open.org/wss/2004/01/"
                "oasis-200401-wss-wssecurity-secext-1.0.xsd'><s:Security><s:Nonce>" +
                    nonce + "</s:Nonce></s:Security><body/></e>"};
  };
  EXPECT_EQ(hash(soap("one")), hash(soap("two")));
  EXPECT_EQ(payload({"text/xml", "<!DOCTYPE a><a/>"}), payload({"x/y", "<!DOCTYPE a><a/>"}));
}

TEST(Payload, PartsOfJson) {
  const auto body = [](const std::string& boundary, const std::string& json) {
    return Sent{"multipart/form-data; boundary=" + boundary,
                "--" + boundary +
                    "\r\nContent-Disposition: form-data; name=\"meta\"\r\n"
                    "Content-Type: application/json\r\n\r\n" +
                    json + "\r\n--" + boundary +
                    "\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx\r\n--" + boundary +
                    "--\r\n"};
  };
  EXPECT_EQ(hash(body("A", R"({"a": 1, "b": 2})")), hash(body("BB", R"({"b":2,"a":1})")));
  EXPECT_NE(hash(body("A", R"({"a":1})")), hash(body("A", R"({"a":2})")));
}

TEST(Payload, GraphQlWhiteSpaceDoesNotMatter) {
  const auto query = [](const std::string& text) {
    return Sent{"application/json", R"({"query":")" + text + R"(","variables":{"a":1}})", "",
                "/graphql"};
  };
  const std::string plain = hash(query("query Q($a:Int){hero(id:$a){name,...F}}"));
  EXPECT_EQ(
      hash(query("query Q($a: Int) {\\n  hero(id: $a) {\\n    name # c\\n    ...F\\n  }\\n}")),
      plain);
  EXPECT_NE(hash(query("query Q($a:Int){hero(id:$a){names,...F}}")), plain);
  EXPECT_NE(hash(query("{a(b:\\\"x  y\\\")}")), hash(query("{a(b:\\\"x y\\\")}")));
  EXPECT_EQ(hash({"application/graphql", "{ a }"}), hash({"application/graphql", "{a}"}));
  EXPECT_EQ(graphql_tokens("select a"), std::nullopt);
  EXPECT_EQ(graphql_tokens("{a"), std::nullopt);
  EXPECT_EQ(graphql_tokens("{a(b:\"\"\"x\n\"y\"\"\")}"), "{ a ( b : \"\"\"x\n\"y\"\"\" ) }");
}

TEST(Payload, JsonRpcIdsDoNotMatter) {
  const auto call = [](const std::string& id) {
    return Sent{"application/json", R"({"jsonrpc":"2.0","method":"m","params":[1])" + id + "}"};
  };
  EXPECT_EQ(hash(call(R"(,"id":1)")), hash(call(R"(,"id":"x")")));
  EXPECT_NE(hash(call(R"(,"id":1)")), hash(call("")));  // a notification
  EXPECT_NE(before(call(R"(,"id":1)")), before(call(R"(,"id":2)")));
  EXPECT_NE(hash({"application/json", R"({"method":"m","id":1})"}),
            hash({"application/json", R"({"method":"m","id":2})"}));
}

TEST(Payload, TheOrderOfLfsTransfersDoesNotMatter) {
  const auto batch = [](const std::string& transfers) {
    return Sent{
        "application/vnd.git-lfs+json",
        R"({"operation":"download","objects":[{"oid":"1"}],"transfers":[)" + transfers + "]}"};
  };
  EXPECT_EQ(hash(batch(R"("ssh","basic")")), hash(batch(R"("basic","ssh")")));
  EXPECT_NE(hash(batch(R"("ssh")")), hash(batch(R"("basic","ssh")")));
}

TEST(Payload, SignaturesOfTheProgramDoNotMatter) {
  const auto get = [](const std::string& query) { return Sent{"", "", "", "/o?" + query}; };
  EXPECT_EQ(hash(get("X-Amz-Date=20260101T000000Z&X-Amz-Signature=a&X-Amz-Credential=c&v=1")),
            hash(get("X-Amz-Date=20270101T000000Z&X-Amz-Signature=b&X-Amz-Credential=d&v=1")));
  EXPECT_NE(hash(get("X-Amz-Date=1&X-Amz-Signature=a&v=1")),
            hash(get("X-Amz-Date=1&X-Amz-Signature=a&v=2")));
  EXPECT_NE(hash(get("X-Amz-Date=1")), hash(get("X-Amz-Date=2")));
  EXPECT_EQ(hash(get("sig=a&se=2026&sp=r")), hash(get("sig=b&se=2027&sp=r")));
  const std::string form = "application/x-www-form-urlencoded";
  EXPECT_EQ(hash({form, "oauth_nonce=1&oauth_timestamp=2&oauth_signature=3&a=b"}),
            hash({form, "oauth_nonce=4&oauth_timestamp=5&oauth_signature=6&a=b"}));
}

TEST(Payload, TheOrderOfAQueryCountsInTheNameAlone) {
  const auto content = [](const std::string& query) {
    const auto key = compute_key(exchange({"", "", "", "/s?" + query}), "t", kNone);
    return content_hash(key->request, "t", kNone).value_or("");
  };
  EXPECT_EQ(content("b=1+2&a=3"), content("a=3&b=1%202"));
  EXPECT_NE(content("a=1&a=2"), content("a=2&a=1"));
  EXPECT_NE(content("a=1&b=2"), content("a=2&b=1"));
  EXPECT_NE(hash({"", "", "", "/s?a=1&b=2"}), hash({"", "", "", "/s?b=2&a=1"}));
}

// The names that recshim gave before it knew these kinds: recordings from then are found by them.
TEST(Payload, NamesFromBeforeAreKnown) {
  for (const Sent& sent : {Sent{"application/json", R"({"a":1})"}, Sent{"x/y", "bytes"},
                           Sent{"application/x-www-form-urlencoded", "a=1&b=2"}, Sent{"", ""}}) {
    EXPECT_EQ(before(sent), hash(sent)) << sent.body;
  }
  for (const Sent& sent : {Sent{"text/xml", "<a/>"}, Sent{"application/x-ndjson", "{}\n{}\n"},
                           Sent{"application/x-amz-json-1.1", R"({"a":1})"}}) {
    EXPECT_NE(before(sent), hash(sent)) << sent.body;
    EXPECT_EQ(before(sent), hash({"application/octet-stream", sent.body})) << sent.body;
  }
}

}  // namespace
}  // namespace recshim::match
