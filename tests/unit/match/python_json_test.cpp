// python_json.h against values that Python 3.11's json module gave.
#include "shim/match/python_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>

namespace recshim::match {
namespace {

Json parsed(std::string_view text) {
  Result<Json> value = parse_json(text);
  EXPECT_TRUE(value.ok()) << text << ": " << (value.ok() ? "" : value.error().message);
  return value.ok() ? *value : Json();
}

std::string through_python(std::string_view text) {
  return dump(parsed(text), python_style());
}

TEST(PythonFloat, IsPythonsRepr) {
  const std::tuple<double, const char*> cases[] = {
      {0x0.0p+0, "0.0"},
      {-0x0.0p+0, "-0.0"},
      {0x1.0p+0, "1.0"},
      {-0x1.8p+0, "-1.5"},
      {0x1.999999999999ap-4, "0.1"},
      {0x1.c6bf526340000p+49, "1000000000000000.0"},
      {0x1.1c37937e08000p+53, "1e+16"},
      {0x1.b69b4ba630f35p+56, "1.2345678901234568e+17"},
      {0x1.a36e2eb1c432dp-14, "0.0001"},
      {0x1.4f8b588e368f1p-17, "1e-05"},
      {0x1.02e4b6ce5dc68p-13, "0.00012345"},
      {0x1.421f5f40d8376p-23, "1.5e-07"},
      {0x0.0000000000001p-1022, "5e-324"},
      {0x1.fffffffffffffp+1023, "1.7976931348623157e+308"},
      {0x1.12e0be826d695p-32, "2.5e-10"},
      {0x1.0f0cf064dd592p+73, "1e+22"},
      {0x1.0p+53, "9007199254740992.0"},
      {0x1.86a0p+16, "100000.0"},
      {0x1.921fb54442d18p+1, "3.141592653589793"},
      {-0x1.a36e2eb1c432dp-14, "-0.0001"},
      {0x1.249ad2594c37dp+332, "1e+100"},
      {0x1.3333333333334p-2, "0.30000000000000004"},
      {0x1.1c37937e07fffp+53, "9999999999999998.0"},
      {0x1.5ee2a2eb5a5c4p+53, "1.2345678901234568e+16"},
      {NAN, "NaN"},
      {HUGE_VAL, "Infinity"},
      {-HUGE_VAL, "-Infinity"},
  };
  for (const auto& [value, text] : cases) EXPECT_EQ(python_float(value), text);
}

TEST(PythonJson, KeepsWhatPythonKeeps) {
  EXPECT_EQ(through_python("[-0, 0, -0.0, 1e5, 1.0, 1, 1E+2, 1.5e-3]"),
            "[0, 0, -0.0, 100000.0, 1.0, 1, 100.0, 0.0015]");
  EXPECT_EQ(through_python("[9223372036854775807,9223372036854775808,18446744073709551615]"),
            "[9223372036854775807, 9223372036854775808, 18446744073709551615]");
  EXPECT_EQ(through_python("[18446744073709551616,-9223372036854775808,-9223372036854775809]"),
            "[18446744073709551616, -9223372036854775808, -9223372036854775809]");
  EXPECT_EQ(through_python("[NaN,Infinity,-Infinity]"), "[NaN, Infinity, -Infinity]");
  EXPECT_EQ(through_python("[1e400,-1e400,1e-400,-1e-400,0.00000001e+400]"),
            "[Infinity, -Infinity, 0.0, -0.0, Infinity]");
  EXPECT_EQ(through_python("\xEF\xBB\xBF [true,false,null]\r\n"), "[true, false, null]");
}

TEST(PythonJson, TellsTinyFromHugeNumbersWithoutExponent) {
  const std::string zeros(400, '0');
  EXPECT_EQ(through_python("[0." + zeros + "1]"), "[0.0]");
  EXPECT_EQ(through_python("[-0." + zeros + "1e5]"), "[-0.0]");
  EXPECT_EQ(through_python("[1" + zeros + ".5]"), "[Infinity]");
  EXPECT_EQ(through_python("[1" + zeros + ".5e-300]"), "[1e+100]");
  EXPECT_EQ(through_python("[1e99999999999999999999]"), "[Infinity]");
  EXPECT_EQ(through_python("[1e-99999999999999999999]"), "[0.0]");
}

TEST(PythonJson, RepeatedKeyKeepsItsFirstPlaceAndLastValue) {
  EXPECT_EQ(through_python(R"({"b":1,"a":2,"b":3})"), R"({"b": 3, "a": 2})");
  std::string text = "{";
  for (int i = 0; i < 100; ++i) text += "\"k" + std::to_string(i) + "\":0,";
  text += R"("k7":1,"k99":2,"k7":3})";
  const Json value = parsed(text);
  EXPECT_EQ(value.size(), 100U);
  EXPECT_EQ(value["k7"], 3);
  EXPECT_EQ(value["k99"], 2);
  EXPECT_EQ(value.begin().key(), "k0");
}

TEST(PythonJson, EscapesAsEnsureAsciiDoes) {
  EXPECT_EQ(through_python("\"\\u00e9\xC3\xA9\\ud83d\\ude00\xF0\x9F\x98\x80\x7F\\/\""),
            R"("\u00e9\u00e9\ud83d\ude00\ud83d\ude00\u007f/")");
  EXPECT_EQ(through_python(R"("\b\f\n\r\t\u0000\u001F\"\\")"), R"("\b\f\n\r\t\u0000\u001f\"\\")");
  EXPECT_EQ(through_python(R"(["\ud83d","\ude00\ud83d","\ud83dx","\ud83d\ud83d\ude00"])"),
            R"(["\ud83d", "\ude00\ud83d", "\ud83dx", "\ud83d\ud83d\ude00"])");
}

TEST(PythonJson, SortsKeysByCodePoint) {
  JsonStyle style = python_style();
  style.sort_keys = true;
  EXPECT_EQ(
      dump(parsed(R"({"b":1,"a":2,"\ud83d\ude00":3,"\uffff":4,"":5,"B":6,"\u00e9":7})"), style),
      R"({"": 5, "B": 6, "a": 2, "b": 1, "\u00e9": 7, "\uffff": 4, "\ud83d\ude00": 3})");
}

TEST(PythonJson, IndentsAsPython) {
  JsonStyle style = python_style();
  style.indent = 2;
  style.item_separator = ",";
  EXPECT_EQ(dump(parsed(R"({"a":[1,{"b":[]}],"c":{}})"), style),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    }\n  ],\n  \"c\": {}\n}");
}

TEST(PythonJson, RefusesWhatPythonRefuses) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "\"",
                           "[1,]",
                           "{\"a\":1,}",
                           "{a:1}",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "tru",
                           "nul",
                           "[1 2]",
                           "{\"a\" 1}",
                           "1 2",
                           "'a'",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\u12g4\"",
                           "\"\n\"",
                           "\"\t\"",
                           "\"\xFF\"",
                           "\"\xC0\x80\"",
                           "\"\xF4\x90\x80\x80\"",
                           "\"\xE9\"",
                           "nan",
                           "--1",
                           "[1e+]",
                           "\"\\",
                           "\"\\u-123\"",
                           "{1:2}",
                           "]"}) {
    const Result<Json> value = parse_json(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_EQ(value.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(value.error().message, testing::HasSubstr("at byte"));
  }
}

TEST(PythonJson, BoundsDepthAndSurvivesHostileObjects) {
  const std::string open(kMaxJsonDepth, '[');
  const std::string close(kMaxJsonDepth, ']');
  EXPECT_TRUE(parse_json(open + close).ok());
  EXPECT_FALSE(parse_json("[[" + open + close + "]]").ok());
  EXPECT_FALSE(parse_json(std::string(1 << 20, '[')).ok());
  EXPECT_FALSE(parse_json(std::string(1 << 20, '{')).ok());
  std::string many = "{";
  for (int i = 0; i < 50000; ++i) many += "\"" + std::to_string(i) + "\":0,";
  many += "\"x\":0}";
  EXPECT_EQ(parsed(many).size(), 50001U);  // seconds, were it quadratic
}

TEST(PythonJson, WritesBrokenUtf8AsReplacementCharacters) {
  EXPECT_EQ(dump(Json("a\xFFz"), python_style()), "\"a\\ufffdz\"");
  EXPECT_EQ(dump(Json("a\xFFz"), compact_style()), "\"a\xEF\xBF\xBDz\"");
}

struct StyleCase {
  const char* text;
  const char* name;  // empty: no style reproduces the text
};

TEST(StyleOf, NamesTheStyleAndReproducesTheText) {
  const StyleCase cases[] = {
      {R"({"a":1,"b":[1,2,{}],"c":"x"})", "compact"},
      {R"({"a": 1, "b": [1, 2, {}]})", "python"},
      {R"({"a": 1,"b": [1,2]})", "colon"},
      {R"({"a":"\u00e9"})", "compact+ascii"},
      {R"({"a": "\ud83d\ude00 \u007f"})", "python+ascii"},
      {"{\"a\":\"\xC3\xA9\"}", "compact"},
      {"{\"a\": \"\x7F\"}", "python"},
      {R"({"a":"http:\/\/x"})", "compact+slash"},
      {R"({"a":"http:\/\/x\u00e9"})", "compact+ascii+slash"},
      {R"({"a":"\u003cthink\u003e \u0026"})", "compact+html"},
      {"{\"a\":\"\\u003cb\\u2028\xC3\xA9\"}", "compact+html"},
      {R"({"a":"\u2028"})", "compact+ascii"},
      {"{\"a\":\"\xC3\xA9\\u2029\"}", "compact+html"},
      {R"({"a":1e-7,"b":0.00001,"c":1e+21})", "compact+shortfloat"},
      {R"({"a": 1e-07, "b": 1e-05, "c": 1e+16})", "python"},
      {"{\n  \"a\": 1,\n  \"b\": [\n    2\n  ],\n  \"c\": []\n}", "indent2"},
      {"{\n    \"a\": \"\\u00e9\"\n}\n", "indent4+ascii+newline"},
      {"[\n 1\n]", "indent1"},
      {"[\n\t1,\n\t{\n\t\t\"a\": 2\n\t}\n]", "tab"},
      {"{\"a\":1}\n", "compact+newline"},
      {"{}", "compact"},
      {"[]\n", "compact+newline"},
      {"\"x\"", "compact"},
      {"3", "compact"},
      {R"(["\ud83d"])", "compact+ascii"},
      {"[\"\\ud83d\xC3\xA9\"]", "compact"},
      {R"(["a, b: c", "d"])", "python"},
      {R"(["a\", b", "d"])", "python"},
      {"[18446744073709551616,-9223372036854775809]", "compact"},
      {R"({"a": 1,"b":2})", ""},
      {R"({"a":1.50})", ""},
      {R"({"a":-0})", ""},
      {R"({"a":1,"a":2})", ""},
      {R"({"a":"\u0041"})", ""},
      {R"({"a":"\u00E9"})", ""},
      {"{ }", ""},
      {" {}", ""},
      {"{}\r\n", ""},
      {"{}\n\n", ""},
      {"{\n\"a\": 1\n}", ""},
      {"{\"a\":1E5}", ""},
      {"\xEF\xBB\xBF{}", ""},
      {"{\"a\":\"\\u00e9\xC3\xA9\"}", ""},
  };
  for (const StyleCase& c : cases) {
    const Json value = parsed(c.text);
    const std::optional<JsonStyle> style = style_of(c.text, value);
    if (*c.name == '\0') {
      EXPECT_FALSE(style.has_value()) << c.text;
      continue;
    }
    ASSERT_TRUE(style.has_value()) << c.text;
    EXPECT_EQ(style_name(*style), c.name) << c.text;
    EXPECT_EQ(dump(value, *style), c.text);
    EXPECT_EQ(style_from_name(c.name), style);
  }
}

TEST(StyleName, RefusesNamesThatAreNone) {
  for (const char* name : {"", "compact+", "compact+x", "+ascii", "indent", "indent0", "indent9",
                           "indent12", "compact+ascii+ascii", "compact+newline+ascii", "Compact"}) {
    EXPECT_FALSE(style_from_name(name).has_value()) << name;
  }
  JsonStyle nameless = compact_style();
  nameless.item_separator = " , ";
  EXPECT_EQ(style_name(nameless), "");
}

// --- Property: what any named style writes is recognised and written again ------------

class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Json value(int depth) {
    switch (number(depth > 3 ? 6 : 8)) {
      case 0:
        return nullptr;
      case 1:
        return number(2) == 0;
      case 2:
        return static_cast<int64_t>(random_());
      case 3:
        return std::ldexp(static_cast<double>(random_() >> 11),
                          static_cast<int>(number(200)) - 160);
      case 4:
      case 5:
        return text();
      case 6: {
        Json array = Json::array();
        for (unsigned i = number(4); i > 0; --i) array.push_back(value(depth + 1));
        return array;
      }
      default: {
        Json object = Json::object();
        for (unsigned i = number(4); i > 0; --i) object[text()] = value(depth + 1);
        return object;
      }
    }
  }
  unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }

 private:
  std::string text() {
    static const char* const kPieces[] = {
        "a", "Z9",   "/", "\"", "\\",          "\n", "<", "&", ", ", "\xC3\xA9", "\xF0\x9F\x98\x80",
        ":", "\x01", "{", "]",  "\xE2\x80\xA8"};
    std::string out;
    for (unsigned i = number(6); i > 0; --i) out += kPieces[number(16)];
    return out;
  }
  std::mt19937_64 random_;
};

TEST(StyleOf, RecognisesWhateverANamedStyleWrites) {
  Generator generate(20250101);
  const char* const kBases[] = {"compact", "python",  "colon", "indent1",
                                "indent2", "indent4", "tab"};
  const char* const kSuffixes[] = {"+ascii", "+slash", "+html", "+shortfloat", "+newline"};
  for (int i = 0; i < 4000; ++i) {
    std::string name = kBases[generate.number(7)];
    for (const char* suffix : kSuffixes) {
      if (generate.number(3) == 0) name += suffix;
    }
    const std::optional<JsonStyle> written = style_from_name(name);
    ASSERT_TRUE(written.has_value()) << name;
    EXPECT_EQ(style_name(*written), name);
    const std::string text = dump(generate.value(0), *written);
    const Json value = parsed(text);
    const std::optional<JsonStyle> found = style_of(text, value);
    ASSERT_TRUE(found.has_value()) << name << ": " << text;
    EXPECT_EQ(dump(value, *found), text);
  }
}

}  // namespace
}  // namespace recshim::match
