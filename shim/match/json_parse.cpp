// Reads JSON as Python's json.loads does; see python_json.h.
#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <unordered_map>

#include "shim/match/python_json.h"
#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> document() {
    Json value;
    skip_white_space();
    if (!parse_value(value, 0)) return failure();
    skip_white_space();
    if (at_ != text_.size()) {
      fail("text after the document");
      return failure();
    }
    return value;
  }

 private:
  // Objects of more members look repeated keys up in a hash, so that a hostile object
  // costs no more than its size.
  static constexpr size_t kLinearSearchLimit = 16;

  bool fail(const char* what) {
    if (problem_ == nullptr) problem_ = what;
    return false;
  }
  Error failure() const {
    return {ErrorCode::kInvalid,
            "JSON: " + std::string(problem_) + " at byte " + std::to_string(at_)};
  }

  void skip_white_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool parse_value(Json& out, int depth) {
    if (depth > kMaxJsonDepth) return fail("nested too deeply");
    if (at_ >= text_.size()) return fail("value missing");
    switch (text_[at_]) {
      case '{':
        return parse_object(out, depth);
      case '[':
        return parse_array(out, depth);
      case '"': {
        std::string text;
        if (!parse_string(text)) return false;
        out = std::move(text);
        return true;
      }
      default:
        return parse_scalar(out);
    }
  }

  bool parse_scalar(Json& out) {
    if (take_word("null")) {
      out = nullptr;
    } else if (take_word("true")) {
      out = true;
    } else if (take_word("false")) {
      out = false;
    } else if (take_word("NaN")) {
      out = std::numeric_limits<double>::quiet_NaN();
    } else if (take_word("Infinity")) {
      out = std::numeric_limits<double>::infinity();
    } else if (take_word("-Infinity")) {
      out = -std::numeric_limits<double>::infinity();
    } else {
      return parse_number(out);
    }
    return true;
  }

  bool parse_object(Json& out, int depth) {
    ++at_;
    out = Json::object();
    auto& members = out.get_ref<Json::object_t&>();
    std::unordered_map<std::string, size_t> places;  // used beyond kLinearSearchLimit
    skip_white_space();
    if (take('}')) return true;
    while (true) {
      skip_white_space();
      std::string key;
      if (at_ >= text_.size() || text_[at_] != '"') return fail("key missing");
      if (!parse_string(key)) return false;
      skip_white_space();
      if (!take(':')) return fail("':' missing");
      skip_white_space();
      Json value;
      if (!parse_value(value, depth + 1)) return false;
      put_member(members, places, std::move(key), std::move(value));
      skip_white_space();
      if (take('}')) return true;
      if (!take(',')) return fail("',' or '}' missing");
    }
  }

  static void put_member(Json::object_t& members, std::unordered_map<std::string, size_t>& places,
                         std::string key, Json value) {
    if (members.size() < kLinearSearchLimit) {
      for (auto& member : members) {
        if (member.first == key) {
          member.second = std::move(value);
          return;
        }
      }
    } else {
      if (places.empty()) {
        for (const auto& member : members) places.emplace(member.first, places.size());
      }
      const auto [place, is_new] = places.emplace(key, members.size());
      if (!is_new) {
        (members.begin() + static_cast<ptrdiff_t>(place->second))->second = std::move(value);
        return;
      }
    }
    members.emplace_back(std::move(key), std::move(value));
  }

  bool parse_array(Json& out, int depth) {
    ++at_;
    out = Json::array();
    auto& items = out.get_ref<Json::array_t&>();
    skip_white_space();
    if (take(']')) return true;
    while (true) {
      skip_white_space();
      items.emplace_back();
      if (!parse_value(items.back(), depth + 1)) return false;
      skip_white_space();
      if (take(']')) return true;
      if (!take(',')) return fail("',' or ']' missing");
    }
  }

  static bool is_plain(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
  }

  bool parse_string(std::string& out) {
    ++at_;
    while (at_ < text_.size()) {
      size_t end = at_;
      while (end < text_.size() && is_plain(text_[end])) ++end;
      out.append(text_.substr(at_, end - at_));
      at_ = end;
      if (at_ == text_.size()) break;
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c == '\\') {
        if (!parse_escape(out)) return false;
      } else if (c < 0x20) {
        return fail("control character in a string");
      } else {
        const CodePoint point = code_point_at(text_, at_);
        if (!point.valid) return fail("not UTF-8");
        out.append(text_.substr(at_, point.size));
        at_ += point.size;
      }
    }
    return fail("string without an end");
  }

  bool parse_escape(std::string& out) {
    if (at_ + 1 >= text_.size()) return fail("string without an end");
    const char c = text_[at_ + 1];
    constexpr std::string_view kNames = "\"\\/bfnrt";
    constexpr std::string_view kValues = "\"\\/\b\f\n\r\t";
    if (const size_t i = kNames.find(c); i != std::string_view::npos) {
      out.push_back(kValues[i]);
      at_ += 2;
      return true;
    }
    const std::optional<uint32_t> unit = utf16_unit(at_);
    if (!unit) return fail("bad escape");
    at_ += 6;
    uint32_t point = *unit;
    if (point >= 0xD800 && point <= 0xDBFF) {
      const std::optional<uint32_t> low = utf16_unit(at_);
      if (low && *low >= 0xDC00 && *low <= 0xDFFF) {
        point = 0x10000 + ((point - 0xD800) << 10) + (*low - 0xDC00);
        at_ += 6;
      }
    }
    append_utf8(out, point);
    return true;
  }

  // The unit of "\uXXXX" at `at`.
  std::optional<uint32_t> utf16_unit(size_t at) const {
    const std::string_view text = text_.substr(std::min(at, text_.size()), 6);
    if (text.size() < 6 || text[0] != '\\' || text[1] != 'u') return std::nullopt;
    uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 6, value, 16);
    if (error != std::errc() || end != text.data() + 6) return std::nullopt;
    return value;
  }

  bool parse_number(Json& out) {
    const size_t start = at_;
    take('-');
    if (at_ >= text_.size() || !is_digit(text_[at_])) {
      at_ = start;
      return fail("value missing");
    }
    if (!take('0')) skip_digits();
    bool is_float = false;
    if (at_ + 1 < text_.size() && text_[at_] == '.' && is_digit(text_[at_ + 1])) {
      is_float = true;
      ++at_;
      skip_digits();
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      size_t digits = at_ + 1;
      if (digits < text_.size() && (text_[digits] == '+' || text_[digits] == '-')) ++digits;
      if (digits < text_.size() && is_digit(text_[digits])) {
        is_float = true;
        at_ = digits;
        skip_digits();
      }
    }
    const std::string_view number = text_.substr(start, at_ - start);
    out = is_float ? float_value(number) : integer_value(number);
    return true;
  }
  void skip_digits() {
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  }

  static Json integer_value(std::string_view number) {
    const char* end = number.data() + number.size();
    int64_t with_sign = 0;
    if (std::from_chars(number.data(), end, with_sign).ec == std::errc()) return with_sign;
    uint64_t without_sign = 0;
    if (number[0] != '-' && std::from_chars(number.data(), end, without_sign).ec == std::errc()) {
      return without_sign;
    }
    return Json::binary({number.begin(), number.end()}, kBigInteger);
  }

  static Json float_value(std::string_view number) {
    double value = 0;
    const char* end = number.data() + number.size();
    if (std::from_chars(number.data(), end, value).ec == std::errc::result_out_of_range) {
      value = is_huge(number) ? std::numeric_limits<double>::infinity() : 0.0;
      if (number[0] == '-') value = -value;
    }
    return value;
  }
  // Of a number out of a double's range: is it too large (else too small)?
  static bool is_huge(std::string_view number) {
    if (number[0] == '-') number.remove_prefix(1);
    const size_t e = std::min(number.find_first_of("eE"), number.size());
    long power = 0;
    if (e < number.size()) {
      const size_t digits = e + (number[e + 1] == '+' ? 2 : 1);
      const auto read =
          std::from_chars(number.data() + digits, number.data() + number.size(), power);
      if (read.ec != std::errc()) return number[e + 1] != '-';
    }
    const std::string_view mantissa = number.substr(0, e);
    const auto point = static_cast<long>(std::min(mantissa.find('.'), mantissa.size()));
    const auto first = static_cast<long>(mantissa.find_first_of("123456789"));
    return power + (point - first) > 0;
  }

  std::string_view text_;
  size_t at_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace

Result<Json> parse_json(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.substr(0, 3) == kByteOrderMark) text.remove_prefix(3);
  return Parser(text).document();
}

}  // namespace recshim::match
