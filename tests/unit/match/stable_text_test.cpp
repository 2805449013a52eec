// The recorder's string and float rules; expected values come from Python's re and round.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "shim/match/canonical.h"

namespace recshim::match {
namespace {

TEST(StableText, RewritesAsTheRecorderDoes) {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"score: 0.98213", "score: __NORMALIZED__"},
      {"score:  -1.5e-3, x", "score: __NORMALIZED__, x"},
      {"score:.5", "score: __NORMALIZED__"},
      {"score: 1.", "score: __NORMALIZED__."},
      {"score: 12e", "score: __NORMALIZED__e"},
      {"score: abc", "score: abc"},
      {"score:\302\240+7", "score: __NORMALIZED__"},
      {"a, attributes: {\"x\": 1} b", "a b"},
      {"  attributes:{}", ""},
      {"attributes: {a} attributes: {b}", ""},
      {"x,,  attributes:\012{y}z", "x,z"},
      {"attributes: {never closed", "attributes: {never closed"},
      {"attributes: x attributes: {q}", "attributes: x"},
      {"document_id: 01234567-89ab-cdef-0123-456789abcdef!", "document_id: __NORMALIZED__!"},
      {"document_id:01234567-89AB-cdef-0123-456789abcdef",
       "document_id:01234567-89AB-cdef-0123-456789abcdef"},
      {"<|01234567-89ab-cdef-0123-456789abcdef|>", "<|__NORMALIZED__|>"},
      {"<|01234567-89ab-cdef-0123-456789abcdef|", "<|01234567-89ab-cdef-0123-456789abcdef|"},
      {"<|<|01234567-89ab-cdef-0123-456789abcdef|>|>", "<|<|__NORMALIZED__|>|>"},
      {"pi 3.14159265358979 and 3.1415 and 3.141", "pi 3.14159 and 3.14150 and 3.141"},
      {"-0.000001", "-0.00000"},
      {"1.2.34567", "1.2.34567"},
      {"1.23456.78901", "1.23456.78901"},
      {"v1.23.45678-2.00005", "v1.23.45678-2.00005"},
      {"--5.123456", "--5.12346"},
      {"\331\243.\331\241\331\244\331\241\331\245\331\251", "3.14159"},
      {"score: 0.123456", "score: __NORMALIZED__"},
      {"score:\331\241\331\242", "score: __NORMALIZED__"},
      {". 5.00005 .12345", ". 5.00005 .12345"},
      {"\303\2511.99999999\303\251", "\303\2512.00000\303\251"},
      {", ,  attributes: {}", ", "},
      {"<score: 1.2345678>", "<score: __NORMALIZED__>"},
      {"2.5000050000", "2.50000"},
      {"0.000015 0.000025", "0.00002 0.00003"},
      {"\303\251,\342\200\203attributes: {\303\251}\303\251", "\303\251\303\251"},
      {"score: 1.5.25555", "score: __NORMALIZED__.25555"},
  };
  for (const auto& c : cases) EXPECT_EQ(stable_text(c.text), c.expected) << c.text;
}

TEST(StableText, NumbersBeyondADoubleBecomeInfOrZero) {
  EXPECT_EQ(stable_text(std::string(320, '9') + ".12345"), "inf");
  EXPECT_EQ(stable_text("-" + std::string(320, '9') + ".12345"), "-inf");
  EXPECT_EQ(stable_text("0." + std::string(400, '0') + "1"), "0.00000");
}

TEST(StableText, IsLinearInHostileText) {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "attributes: {1.";
  EXPECT_EQ(stable_text(text), text);
  const std::string digits(1 << 20, '7');
  EXPECT_EQ(stable_text(digits), digits);
  std::string spaces = "score:" + std::string(1 << 20, ' ') + "document_id:";
  EXPECT_EQ(stable_text(spaces), spaces);
}

TEST(Rounded5, IsPythonsRound) {
  EXPECT_EQ(rounded_5(0x1.f9add3739635fp-4), 0.12346);
  EXPECT_EQ(rounded_5(0x1.4f8b588e368f1p-18), 1e-05);  // 0.000005
  EXPECT_EQ(rounded_5(0x1.f75104d551d69p-17), 2e-05);  // 0.000015
  EXPECT_EQ(rounded_5(2.675), 2.675);
  EXPECT_EQ(rounded_5(1.000005), 1.00001);
  EXPECT_EQ(rounded_5(1e300), 1e300);
  EXPECT_EQ(rounded_5(123456.7891251), 123456.78913);
  EXPECT_TRUE(std::signbit(rounded_5(-0.000001)));
  EXPECT_TRUE(std::isnan(rounded_5(NAN)));
  EXPECT_TRUE(std::isinf(rounded_5(HUGE_VAL)));
}

Json json(const char* text) {
  return parse_json(text).value();
}
std::string canonical(const char* text, bool bedrock, const MatchOptions& options = {}) {
  const UserRules rules(options);
  return dump(canonical_body(json(text), bedrock, rules), compact_style());
}

TEST(CanonicalBody, DropsWhatTheRecorderDrops) {
  EXPECT_EQ(canonical(R"({"a":1.1234567,"b":[0.5,"x 1.23456789"]})", false),
            R"({"a":1.12346,"b":[0.5,"x 1.23457"]})");
  // project_id goes from the root's extra_body and from those of list items, not deeper ones.
  EXPECT_EQ(canonical(R"({"extra_body":{"project_id":"p","k":1},"extra_query":{"project_id":"p"}})",
                      false),
            R"({"extra_body":{"k":1},"extra_query":{}})");
  EXPECT_EQ(canonical(R"({"m":{"extra_body":{"project_id":"p"}}})", false),
            R"({"m":{"extra_body":{"project_id":"p"}}})");
  EXPECT_EQ(canonical(R"({"m":[{"extra_body":{"project_id":"p"}}]})", false),
            R"({"m":[{"extra_body":{}}]})");
  EXPECT_EQ(canonical(R"({"stream_options":{},"m":{"stream_options":1}})", true),
            R"({"m":{"stream_options":1}})");
  EXPECT_EQ(canonical(R"({"stream_options":{}})", false), R"({"stream_options":{}})");
}

TEST(CanonicalBody, AppliesTheUsersRules) {
  MatchOptions options;
  options.ignore_body = {"/user", "/messages/*/id", "/l/1", "/a~1b", "/none/x"};
  options.normalizers = {{"run-[0-9]+", "run-N"}, {"(a)(b)", "$2$1"}};
  EXPECT_EQ(canonical(R"({"user":1,"messages":[{"id":1,"t":"run-42 ab"},{"id":2}],"l":[1,2,3],)"
                      R"("a/b":1})",
                      false, options),
            R"({"messages":[{"t":"run-N ba"},{}],"l":[1,3]})");
}

TEST(CanonicalBody, LongTextsDoNotExhaustTheStackOfTheUsersPatterns) {
  MatchOptions options;
  options.normalizers = {{"(x|y)*z", "-"}};
  const UserRules rules(options);
  const std::string text(50000, 'x');
  EXPECT_EQ(rules.apply(text + "z"), "-");
}

TEST(CheckOptions, NamesWhatCannotBeUsed) {
  MatchOptions options;
  EXPECT_TRUE(check_options(options).ok());
  options.normalizers = {{"(", ""}};
  EXPECT_FALSE(check_options(options).ok());
  options.normalizers = {{std::string(100000, 'x'), ""}};
  EXPECT_FALSE(check_options(options).ok());
  options.normalizers = {{"a+", ""}};
  EXPECT_TRUE(check_options(options).ok());
  options.ignore_body = {"user"};
  EXPECT_FALSE(check_options(options).ok());
}

}  // namespace
}  // namespace recshim::match
