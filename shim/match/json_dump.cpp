// Writes JSON as Python's json.dumps does, and in the styles of other writers; see
// python_json.h.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <vector>

#include "shim/match/python_json.h"
#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

// The shortest digits that read back as value, and where the point stands: 0.d1d2… × 10^point.
struct Digits {
  bool negative = false;
  std::string digits;
  int point = 0;
};

Digits shortest_digits(double value) {
  char buffer[64];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  (void)error;  // 64 bytes hold every double
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  Digits out;
  if (text[0] == '-') {
    out.negative = true;
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  out.digits.push_back(text[0]);
  if (e > 2) out.digits.append(text.substr(2, e - 2));
  std::string_view exponent = text.substr(e + 1);
  if (exponent[0] == '+') exponent.remove_prefix(1);
  int power = 0;
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  out.point = power + 1;
  return out;
}

std::string fixed_form(const Digits& d, bool keep_point) {
  const int count = static_cast<int>(d.digits.size());
  std::string out;
  if (d.point <= 0) {
    out = "0." + std::string(static_cast<size_t>(-d.point), '0') + d.digits;
  } else if (d.point >= count) {
    out = d.digits + std::string(static_cast<size_t>(d.point - count), '0');
    if (keep_point) out += ".0";
  } else {
    out = d.digits.substr(0, static_cast<size_t>(d.point)) + "." +
          d.digits.substr(static_cast<size_t>(d.point));
  }
  return out;
}

std::string exponent_form(const Digits& d, bool two_digits) {
  std::string out = d.digits.substr(0, 1);
  if (d.digits.size() > 1) out += "." + d.digits.substr(1);
  const int power = d.point - 1;
  const std::string digits = std::to_string(std::abs(power));
  out += power < 0 ? "e-" : "e+";
  if (two_digits && digits.size() < 2) out += "0";
  return out + digits;
}

std::string float_text(double value, bool short_form) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  const Digits d = shortest_digits(value);
  std::string text;
  if (short_form) {  // ECMA-262, Number::toString; Go's encoding/json agrees
    if (value == 0) return d.negative ? "-0" : "0";
    text = d.point > -6 && d.point <= 21 ? fixed_form(d, false) : exponent_form(d, false);
  } else {  // Python's float_repr: exponent below 1e-4 and from 1e16 on
    if (value == 0) return d.negative ? "-0.0" : "0.0";
    text = d.point > -4 && d.point <= 16 ? fixed_form(d, true) : exponent_form(d, true);
  }
  return d.negative ? "-" + text : text;
}

class Writer {
 public:
  explicit Writer(const JsonStyle& style) : style_(style) {}

  std::string document(const Json& value) {
    write(value, 0);
    if (style_.newline) out_.push_back('\n');
    return std::move(out_);
  }

 private:
  void write(const Json& value, int level) {
    switch (value.type()) {
      case Json::value_t::object:
        write_object(value, level);
        break;
      case Json::value_t::array:
        write_array(value, level);
        break;
      case Json::value_t::string:
        write_string(value.get_ref<const std::string&>());
        break;
      case Json::value_t::boolean:
        out_ += value.get<bool>() ? "true" : "false";
        break;
      case Json::value_t::number_integer:
        out_ += std::to_string(value.get<int64_t>());
        break;
      case Json::value_t::number_unsigned:
        out_ += std::to_string(value.get<uint64_t>());
        break;
      case Json::value_t::number_float:
        out_ += float_text(value.get<double>(), style_.short_floats);
        break;
      case Json::value_t::binary: {
        const auto& digits = value.get_binary();
        out_.append(digits.begin(), digits.end());
        break;
      }
      case Json::value_t::null:
      case Json::value_t::discarded:
        out_ += "null";
        break;
    }
  }

  void write_object(const Json& value, int level) {
    const auto& members = value.get_ref<const Json::object_t&>();
    if (members.empty()) {
      out_ += "{}";
      return;
    }
    std::vector<const Json::object_t::value_type*> order;
    order.reserve(members.size());
    for (const auto& member : members) order.push_back(&member);
    if (style_.sort_keys) {
      // Bytes of UTF-8 sort as code points do, which is how Python compares.
      std::stable_sort(order.begin(), order.end(),
                       [](const auto* a, const auto* b) { return a->first < b->first; });
    }
    out_.push_back('{');
    for (size_t i = 0; i < order.size(); ++i) {
      start_item(i, level + 1);
      write_string(order[i]->first);
      out_ += style_.key_separator;
      write(order[i]->second, level + 1);
    }
    new_line(level);
    out_.push_back('}');
  }

  void write_array(const Json& value, int level) {
    const auto& items = value.get_ref<const Json::array_t&>();
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_.push_back('[');
    for (size_t i = 0; i < items.size(); ++i) {
      start_item(i, level + 1);
      write(items[i], level + 1);
    }
    new_line(level);
    out_.push_back(']');
  }

  void start_item(size_t index, int level) {
    if (index > 0) out_ += style_.item_separator;
    new_line(level);
  }
  void new_line(int level) {
    if (style_.indent < 0) return;
    out_.push_back('\n');
    out_.append(static_cast<size_t>(level) * static_cast<size_t>(style_.indent),
                style_.indent_tabs ? '\t' : ' ');
  }

  void write_string(std::string_view text) {
    out_.push_back('"');
    size_t plain_from = 0;
    for (size_t at = 0; at < text.size();) {
      const auto c = static_cast<unsigned char>(text[at]);
      if (is_plain(c)) {
        ++at;
        continue;
      }
      out_.append(text.substr(plain_from, at - plain_from));
      const CodePoint point = code_point_at(text, at);
      write_special(point.value);
      at += point.size;
      plain_from = at;
    }
    out_.append(text.substr(plain_from));
    out_.push_back('"');
  }

  [[nodiscard]] bool is_plain(unsigned char c) const {
    if (c < 0x20 || c >= 0x7F || c == '"' || c == '\\') return false;
    if (c == '/') return !style_.escape_slash;
    if (c == '<' || c == '>' || c == '&') return !style_.escape_html;
    return true;
  }

  // Every character that is_plain refuses.
  void write_special(uint32_t point) {
    constexpr std::string_view kNamed = "\"\\/\b\f\n\r\t";
    constexpr std::string_view kNames = "\"\\/bfnrt";
    if (const size_t i = point < 0x80 ? kNamed.find(static_cast<char>(point)) : std::string::npos;
        i != std::string_view::npos) {
      out_.push_back('\\');
      out_.push_back(kNames[i]);
      return;
    }
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    const bool html = style_.escape_html && (point < 0x7F || point == 0x2028 || point == 0x2029);
    if (point < 0x20 || surrogate || html || style_.ensure_ascii) {
      if (point >= 0x10000) {
        write_unit(0xD800 + ((point - 0x10000) >> 10));
        write_unit(0xDC00 + ((point - 0x10000) & 0x3FF));
      } else {
        write_unit(point);
      }
    } else {
      append_utf8(out_, point);
    }
  }

  void write_unit(uint32_t unit) {
    constexpr char kHex[] = "0123456789abcdef";
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out_.push_back(kHex[(unit >> shift) & 0xF]);
  }

  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

std::string dump(const Json& value, const JsonStyle& style) {
  return Writer(style).document(value);
}

std::string python_float(double value) {
  return float_text(value, false);
}

}  // namespace recshim::match
