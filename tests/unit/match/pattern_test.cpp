// Patterns of the user's: JavaScript's meaning, and no way to harm the host by one.
#include "shim/match/pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace recshim::match {
namespace {

using ::testing::HasSubstr;

std::string replaced(const std::string& pattern, std::string_view text,
                     std::string_view replacement) {
  auto compiled = Pattern::compile(pattern);
  if (!compiled.ok()) return "error: " + compiled.error().message;
  auto out = compiled->replace(text, replacement);
  return out.ok() ? *out : "error: " + out.error().message;
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Pattern, ReplacesEveryMatchAsJavaScriptDoes) {
  EXPECT_EQ(replaced("run-[0-9]+", "run-1 run-22", "run-N"), "run-N run-N");
  EXPECT_EQ(replaced("(a)(b)?", "ab a", "[$2$1]"), "[ba] [a]");
  EXPECT_EQ(replaced("b", "abc", "<$&$`$'$$>"), "a<bac$>c");
  EXPECT_EQ(replaced("(b)", "abc", "$10 $01 $2 $0 $"), "ab0 b $2 $0 $c");
  EXPECT_EQ(replaced("x*", "axb", "-"), "-a--b-");
  EXPECT_EQ(replaced("a*?", "aa", "-"), "-a-a-");
  EXPECT_EQ(replaced("^", "a\nb", "-"), "-a\nb");
  EXPECT_EQ(replaced("b$", "a\nb\n", "-"), "a\nb\n");
  EXPECT_EQ(replaced("a.c", "a\nc a\rc abc", "-"), "a\nc a\rc -");
  EXPECT_EQ(replaced("[^]", "a\n", "-"), "--");
  EXPECT_EQ(replaced("\\u0041\\x42", "AB", "-"), "-");
  EXPECT_EQ(replaced("(a|b)\\1", "aa ab bb", "-"), "- ab -");
  EXPECT_EQ(replaced("(?<=id=)\\w+", "id=x1;", "-"), "id=-;");
  EXPECT_EQ(replaced("\xC3\xA4", "\xC3\xA4\xFF", "ae"), "ae\xFF");
}

TEST(Pattern, RefusesWhatCannotBeUsed) {
  EXPECT_THAT(replaced("(", "", ""), HasSubstr("error: missing closing parenthesis"));
  EXPECT_THAT(replaced(repeated("(", 50000) + "x" + repeated(")", 50000), "", ""),
              HasSubstr("error: parentheses are too deeply nested"));
  EXPECT_THAT(replaced(repeated("x", 100000), "", ""),
              HasSubstr("error: regular expression is too"));
  EXPECT_EQ(replaced(repeated("(", 50) + "x" + repeated(")", 50), "axb", "-"), "a-b");
}

TEST(Pattern, LongTextsAreBoundedInStackAndTime) {
  EXPECT_EQ(replaced("(a|b)*", repeated("ab", 50000), "-"), "--");
  EXPECT_EQ(replaced("(x|y)*z", repeated("x", 100000) + "z", "-"), "-");
  EXPECT_THAT(replaced("(a+)+b", repeated("a", 100000) + "c b", "-"), HasSubstr("error: "));
}

}  // namespace
}  // namespace recshim::match
