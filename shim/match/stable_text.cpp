// The string rules of canonical.h: a hand-written matcher for each of the recorder's five
// patterns, linear in the text, so that no input can make a key slow or deep.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "shim/match/canonical.h"
#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

// The zeros of Unicode's runs of ten decimal digits (category Nd, Unicode 15).
constexpr std::array<uint32_t, 66> kZeros = {
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,
    0xc66,   0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,
    0x1810,  0x1946,  0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,
    0xa8d0,  0xa900,  0xa9d0,  0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066,
    0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0,
    0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2,
    0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};

struct Digit {
  char ascii = 0;  // 0: not a digit
  unsigned size = 1;
};

// Python's \d at text[at].
Digit digit_at(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) return {byte >= '0' && byte <= '9' ? text[at] : '\0', 1};
  const CodePoint point = code_point_at(text, at);
  const auto* zero = std::upper_bound(kZeros.begin(), kZeros.end(), point.value) - 1;
  const uint32_t value = point.value - *zero;
  return {value < 10 ? static_cast<char>('0' + value) : '\0', point.size};
}

// Appends the run of digits at text[at] to digits (if given) and returns its end.
size_t skip_digits(std::string_view text, size_t at, std::string* digits = nullptr,
                   size_t* count = nullptr) {
  for (Digit d = digit_at(text, at); d.ascii != 0; d = digit_at(text, at)) {
    if (digits != nullptr) digits->push_back(d.ascii);
    if (count != nullptr) ++*count;
    at += d.size;
  }
  return at;
}

// Python's \s: bytes read at text[at], 0 if it is none.
unsigned space_at(std::string_view text, size_t at) {
  const CodePoint point = code_point_at(text, at);
  const uint32_t c = point.value;
  const bool space = (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
                     c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
                     c == 0x202F || c == 0x205F || c == 0x3000;
  return space ? point.size : 0;
}

size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size()) {
    const unsigned size = space_at(text, at);
    if (size == 0) break;
    at += size;
  }
  return at;
}

// Where the white space that ends at text[end] begins, not before `least`.
size_t spaces_before(std::string_view text, size_t least, size_t end) {
  while (end > least) {
    size_t start = end - 1;
    while (start > least && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (space_at(text, start) != end - start) break;
    end = start;
  }
  return end;
}

// End of 8-4-4-4-12 lower-case hex digits at text[at], or npos.
size_t match_uuid(std::string_view text, size_t at) {
  constexpr size_t kUuidSize = 36;
  if (at > text.size() || text.size() - at < kUuidSize) return std::string_view::npos;
  for (size_t i = 0; i < kUuidSize; ++i) {
    const char c = text[at + i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    if (dash ? c != '-' : !hex) return std::string_view::npos;
  }
  return at + kUuidSize;
}

struct Match {
  size_t start;
  size_t end;
};

// Replaces what `matcher` finds; it is asked at each `anchor`, with the end of the match
// before, and answers start == npos for none.
template <typename Matcher>
std::string replace_matches(std::string_view text, std::string_view anchor,
                            std::string_view replacement, Matcher matcher) {
  std::string out;
  size_t copied = 0;
  for (size_t at = text.find(anchor); at != std::string_view::npos;) {
    const Match match = matcher(at, copied);
    if (match.start == std::string_view::npos) {
      at = text.find(anchor, at + 1);
      continue;
    }
    out.append(text.substr(copied, match.start - copied)).append(replacement);
    copied = match.end;
    at = text.find(anchor, copied);
  }
  return out.append(text.substr(copied));
}

constexpr Match kNoMatch{std::string_view::npos, 0};

// score:\s*[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?
std::string replace_scores(std::string_view text) {
  constexpr std::string_view kAnchor = "score:";
  return replace_matches(text, kAnchor, "score: __NORMALIZED__", [&](size_t start, size_t) {
    size_t at = skip_spaces(text, start + kAnchor.size());
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    size_t end = skip_digits(text, at);
    const bool whole = end > at;
    bool fraction = false;
    if (end < text.size() && text[end] == '.') {
      const size_t fraction_end = skip_digits(text, end + 1);
      fraction = fraction_end > end + 1;
      if (fraction) end = fraction_end;
    }
    if (!whole && !fraction) return kNoMatch;
    if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
      size_t digits = end + 1;
      if (digits < text.size() && (text[digits] == '-' || text[digits] == '+')) ++digits;
      const size_t exponent_end = skip_digits(text, digits);
      if (exponent_end > digits) end = exponent_end;
    }
    return Match{start, end};
  });
}

// ,?\s*attributes:\s*\{[^}]*\}
std::string remove_attributes(std::string_view text) {
  constexpr std::string_view kAnchor = "attributes:";
  bool unclosed = false;  // no '}' follows any more
  return replace_matches(text, kAnchor, "", [&](size_t anchor, size_t least) {
    const size_t open = skip_spaces(text, anchor + kAnchor.size());
    if (unclosed || open >= text.size() || text[open] != '{') return kNoMatch;
    const size_t close = text.find('}', open);
    if (close == std::string_view::npos) {
      unclosed = true;
      return kNoMatch;
    }
    size_t start = spaces_before(text, least, anchor);
    if (start > least && text[start - 1] == ',') --start;
    return Match{start, close + 1};
  });
}

// document_id:\s*<uuid>
std::string replace_document_ids(std::string_view text) {
  constexpr std::string_view kAnchor = "document_id:";
  return replace_matches(text, kAnchor, "document_id: __NORMALIZED__", [&](size_t start, size_t) {
    const size_t end = match_uuid(text, skip_spaces(text, start + kAnchor.size()));
    return end == std::string_view::npos ? kNoMatch : Match{start, end};
  });
}

// <\|<uuid>\|>
std::string replace_citations(std::string_view text) {
  return replace_matches(text, "<|", "<|__NORMALIZED__|>", [&](size_t start, size_t) {
    const size_t end = match_uuid(text, start + 2);
    if (end == std::string_view::npos || text.substr(end, 2) != "|>") return kNoMatch;
    return Match{start, end + 2};
  });
}

// f"{value:.5f}"
std::string fixed_5(double value) {
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[400];  // the largest double has 309 digits before the point
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed, 5);
  return {buffer, end.ptr};
}

// -?\d+\.\d{4,}, rounded to 5 places
std::string round_decimals(std::string_view text) {
  std::string out;
  size_t copied = 0;
  for (size_t at = text.find('.'); at != std::string_view::npos; at = text.find('.', at + 1)) {
    size_t start = at;
    while (start > copied) {  // back over the digits before the point
      size_t before = start - 1;
      while (before > copied && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
      if (digit_at(text, before).ascii == 0) break;
      start = before;
    }
    if (start == at) continue;
    std::string number;
    if (start > copied && text[start - 1] == '-') {
      --start;
      number.push_back('-');
    }
    skip_digits(text, start + number.size(), &number);
    number.push_back('.');
    size_t places = 0;
    const size_t end = skip_digits(text, at + 1, &number, &places);
    if (places < 4) continue;
    double value = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), value);
    if (read.ec == std::errc::result_out_of_range) {
      // Without an exponent a number that is out of range and starts with 0. is tiny.
      const bool tiny = number.find_first_of("123456789") > number.find('.');
      value = std::copysign(tiny ? 0.0 : HUGE_VAL, number[0] == '-' ? -1.0 : 1.0);
    }
    out.append(text.substr(copied, start - copied)).append(fixed_5(value));
    copied = end;
    at = end - 1;
  }
  return out.append(text.substr(copied));
}

}  // namespace

std::string stable_text(std::string_view text) {
  std::string out = replace_scores(text);
  out = remove_attributes(out);
  out = replace_document_ids(out);
  out = replace_citations(out);
  return round_decimals(out);
}

double rounded_5(double value) {
  if (!std::isfinite(value)) return value;
  // Both round half to even of the exact binary value.
  const std::string text = fixed_5(value);
  double out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

}  // namespace recshim::match
