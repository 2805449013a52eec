// What must not reach a file, and what must stay readable.
#include "shim/match/redact.h"

#include <gtest/gtest.h>

namespace recshim::match {
namespace {

const MatchOptions kNone;

std::string header(const char* name, const char* value, const MatchOptions& options = kNone) {
  const http::Headers out = redact_headers({{name, value}}, options);
  EXPECT_EQ(out.size(), 1U);
  EXPECT_EQ(out[0].name, name);
  return out[0].value;
}

TEST(RedactHeaders, ReplacesSecretValuesAndKeepsNames) {
  for (const char* name : {"Authorization",
                           "authorization",
                           "Proxy-Authorization",
                           "X-API-Key",
                           "api-key",
                           "x-goog-api-key",
                           "X-Auth-Token",
                           "x-amz-security-token",
                           "X-Client-Secret",
                           "X-My-Password",
                           "Ocp-Apim-Subscription-Key",
                           "Private-Token",
                           "X-CSRF-Token",
                           "AWS-Secret-Access-Key",
                           "x-ogx-provider-data",
                           "X-Auth-Key",
                           "DD-APPLICATION-KEY",
                           "aeg-sas-key",
                           "CB-ACCESS-SIGN",
                           "DPoP",
                           "X-Session-Id"}) {
    EXPECT_EQ(header(name, "s3cr3t"), kRedacted) << name;
    EXPECT_EQ(header(name, ""), "") << name;
  }
}

TEST(RedactHeaders, LeavesCountsAndOrdinaryHeadersAlone) {
  EXPECT_EQ(header("x-ratelimit-remaining-tokens", "149984"), "149984");
  EXPECT_EQ(header("anthropic-ratelimit-tokens-limit", "80000"), "80000");
  EXPECT_EQ(header("X-Total-Tokens", "12"), "12");
  EXPECT_EQ(header("Content-Type", "application/json"), "application/json");
  for (const char* name : {"Idempotency-Key", "Surrogate-Key", "Sec-WebSocket-Key", "X-Design"}) {
    EXPECT_EQ(header(name, "k-17"), "k-17") << name;
  }
  EXPECT_EQ(header("x-request-id", "req_0123456789abcdef"), "req_0123456789abcdef");
}

TEST(RedactHeaders, CookiesKeepNamesAndAttributes) {
  EXPECT_EQ(header("Set-Cookie", "sid=abc; Path=/; HttpOnly"), "sid=REDACTED; Path=/; HttpOnly");
  EXPECT_EQ(header("set-cookie", "sid=; Max-Age=0"), "sid=; Max-Age=0");
  EXPECT_EQ(header("Set-Cookie", "opaque"), "REDACTED");
  EXPECT_EQ(header("Set-Cookie", "a=b=c;Secure"), "a=REDACTED;Secure");
  EXPECT_EQ(header("Cookie", "a=1; b=2;c="), "a=REDACTED; b=REDACTED;c=");
}

TEST(RedactHeaders, FindsSecretsInOtherHeaders) {
  EXPECT_EQ(header("Location", "https://u:p@h/cb?code=1&access_token=abc#id_token=x&a=1"),
            "https://REDACTED@h/cb?code=1&access_token=REDACTED#id_token=REDACTED&a=1");
  EXPECT_EQ(header("X-Debug", "used Bearer abcdefgh1234."), "used Bearer REDACTED");
}

TEST(RedactHeaders, FindsTheUrlsOfAnyHeader) {
  EXPECT_EQ(header("Link",
                   "<https://u:p@h/p?page=2&access_token=abc>; rel=\"next\", "
                   "</p?key=1>;rel=last,<https://h/?page=1>; rel=first"),
            "<https://REDACTED@h/p?page=2&access_token=REDACTED>; rel=\"next\", "
            "</p?key=REDACTED>;rel=last,<https://h/?page=1>; rel=first");
  EXPECT_EQ(header("Refresh", "0; url=/b?api_key=abc"), "0; url=/b?api_key=REDACTED");
  EXPECT_EQ(header("Refresh", "5;URL='https://u:p@h/b?sig=abc#id_token=d'"),
            "5;URL='https://REDACTED@h/b?sig=REDACTED#id_token=REDACTED'");
  for (const char* name : {"X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "Referer",
                           "Operation-Location", "X-Goog-Upload-URL"}) {
    EXPECT_EQ(header(name, "/p?a=1&key=abc&b=2"), "/p?a=1&key=REDACTED&b=2") << name;
  }
  EXPECT_EQ(header("X-Two", "see /a?token=1, /b?token=2; /c?next=https://h/"),
            "see /a?token=REDACTED, /b?token=REDACTED; /c?next=https://h/");
  EXPECT_EQ(header("X-Odd", "/a?b=(x)&c='y'&key=1"), "/a?b=(x)&c='y'&key=REDACTED");
  EXPECT_EQ(header("User-Agent", "bot/1 (+http://h/?key=1)"), "bot/1 (+http://h/?key=REDACTED)");
  EXPECT_EQ(header("Report-To", R"({"url":"https://h/r?s=1&sig=abc","max_age":1})"),
            R"({"url":"https://h/r?s=1&sig=REDACTED","max_age":1})");
}

TEST(RedactHeaders, LeavesWhatIsNoSecretByteForByte) {
  for (const char* value :
       {"a, b;  c\t d", "<>", "?", "://", " \"(x)\" ", "what? key=1", "text/html; q=0.8, */*;q=0.1",
        "default-src 'self' https://h:1/x?y=1; report-uri /r?z=2",
        "<https://h/p?page=2>; rel=next,",
        "Mozilla/5.0 (compatible; bot/1.0; +http://bot.example/?about)", ";,",
        "https://h/?a=1;,"}) {
    EXPECT_EQ(header("X-Any", value), value);
  }
}

TEST(RedactHeaders, TakesMoreNamesFromTheUser) {
  MatchOptions options;
  options.redact_headers = {"X-Session"};
  EXPECT_EQ(header("x-session", "1", options), kRedacted);
  EXPECT_EQ(header("x-session", "1"), "1");
}

TEST(RedactUrl, ReplacesParametersByName) {
  EXPECT_EQ(redact_url("https://h/p?key=AIzaX&alt=sse", kNone), "https://h/p?key=REDACTED&alt=sse");
  EXPECT_EQ(redact_url("/p?api%5Fkey=1&b", kNone), "/p?api%5Fkey=REDACTED&b");
  EXPECT_EQ(redact_url("/p?X-Amz-Signature=1&X-Amz-Credential=2&X-Amz-Date=3", kNone),
            "/p?X-Amz-Signature=REDACTED&X-Amz-Credential=REDACTED&X-Amz-Date=3");
  EXPECT_EQ(
      redact_url("/p?client_secret=1&sig=2&signature=3&token=4&apikey=5&access_token=6", kNone),
      "/p?client_secret=REDACTED&sig=REDACTED&signature=REDACTED&token=REDACTED"
      "&apikey=REDACTED&access_token=REDACTED");
  EXPECT_EQ(redact_url("/p?page_token=4&nextPageToken=5&keyword=6&monkey=7", kNone),
            "/p?page_token=4&nextPageToken=5&keyword=6&monkey=7");
  EXPECT_EQ(redact_url("/p?key=&token", kNone), "/p?key=&token");
}

TEST(RedactUrl, LeavesTheRestByteForByte) {
  for (const char* url : {"https://h/p?", "https://h/p?&&a=1&", "https://h", "/", "*", "h:443",
                          "https://h/a@b", "://h/p", "http://h/?q=a%20b+c#frag", ""}) {
    EXPECT_EQ(redact_url(url, kNone), url);
  }
}

TEST(RedactUrl, RemovesUserInformationAndShapes) {
  EXPECT_EQ(redact_url("https://user:pass@h:1/x", kNone), "https://REDACTED@h:1/x");
  EXPECT_EQ(redact_url("https://h/v/sk-abcdefghijklmnop1234/x", kNone), "https://h/v/REDACTED/x");
}

TEST(RedactText, KnowsShapesOfSecrets) {
  for (const char* secret :
       {"sk-abcdefghijklmnopqrstuvwxyz123456", "sk-proj-Ab1_abcdefghijklmnop",
        "AIzaSyA1234567890abcdefghijklmnopqrstuv", "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "xoxb-1234567890-abc", "AKIAIOSFODNN7EXAMPLE", "hf_abcdefghijklmnopqrstuvwxyzABCDEFGH",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcdefgh"}) {
    EXPECT_EQ(redact_text(std::string("<") + secret + ">", kNone), "<REDACTED>") << secret;
  }
  for (const char* harmless :
       {"a task-force-of-many-many-people-1", "disk-0123456789abcdef0123", "sk-short1",
        "ask sk-learn-is-a-python-library", "Bearer of bad news", "eyJhYmM", "AKIA"}) {
    EXPECT_EQ(redact_text(harmless, kNone), harmless);
  }
}

TEST(RedactValues, ReplacesTheUsersSecretsEverywhere) {
  MatchOptions options;
  options.redact_values = {"abc", "abcdef", "p@ss", ""};
  EXPECT_EQ(redact_text("x abcdef abc p@ss p%40ss", options),
            "x REDACTED REDACTED REDACTED REDACTED");
  Json value = parse_json(R"({"abc":["p@ss",1,{"k":"xabcdefx"}]})").value();
  redact_json(value, options);
  EXPECT_EQ(dump(value, compact_style()), R"({"REDACTED":["REDACTED",1,{"k":"xREDACTEDx"}]})");
}

}  // namespace
}  // namespace recshim::match
