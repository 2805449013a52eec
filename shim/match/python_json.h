// JSON as Python's json module reads and writes it, byte for byte, and the names of
// writing styles. Owns the parser and the writer; knows nothing of HTTP or recordings.
//
// What a parsed document keeps that other JSON readers lose:
// - Objects keep the order of their keys; of a repeated key the first position and the
//   last value stay, as in a Python dict.
// - `1` is an integer and `1.0`, `1e5` are floats; `-0` is the integer 0.
// - NaN, Infinity and -Infinity are read and written.
// - An integer outside 64 bits is a binary value of subtype kBigInteger whose bytes are
//   its decimal digits with their sign.
// - Strings are UTF-8. A lone surrogate, from a \uD800 escape, is kept as its three bytes
//   in the UTF-8 scheme ("WTF-8"), so use dump() here, never Json::dump(), which rejects it.
// All functions are pure and may be called from any thread. None of them throws.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "shim/base/result.h"

namespace recshim::match {

// Keeps the order of keys as read; Python's dicts do.
using Json = nlohmann::ordered_json;

constexpr std::uint64_t kBigInteger = 1;  // subtype of the binary values described above
constexpr int kMaxJsonDepth = 256;        // deeper documents are refused: the stack is the host's

// text: UTF-8, a byte order mark allowed. Errors: kInvalid with the offset in bytes.
// Source: RFC 8259, with the liberties of Python's json.loads named above.
[[nodiscard]] Result<Json> parse_json(std::string_view text);

// How a document is written.
struct JsonStyle {
  int indent = -1;                    // spaces (or tabs, see below) a level; -1: all on one line
  bool indent_tabs = false;           // one tab a level; indent is then 1
  std::string item_separator = ", ";  // "," when indented, as Python does
  std::string key_separator = ": ";
  bool ensure_ascii = true;   // \uXXXX (lower case, surrogate pairs) from 0x7f on
  bool sort_keys = false;     // by code point; not part of a style's name
  bool escape_slash = false;  // "\/", as PHP
  bool escape_html = false;   // <, >, &, U+2028 and U+2029 as \u003c …, as Go
  bool short_floats = false;  // 1e-7 and 0.00001, as JavaScript and Go; not Python's 1e-07, 1e-05
  bool newline = false;       // one "\n" after the document
  bool operator==(const JsonStyle&) const = default;
};

// Python's json.dumps(value): the style of keys.
JsonStyle python_style();
// No white space, nothing escaped that need not be: what most clients send.
JsonStyle compact_style();

// A lone surrogate is written as \udXXX in every style, so the output is always UTF-8.
[[nodiscard]] std::string dump(const Json& value, const JsonStyle& style);

// repr(value) in Python, "NaN", "Infinity" or "-Infinity".
[[nodiscard]] std::string python_float(double value);

// The style whose dump of parsed equals text byte for byte; nullopt when there is none
// (odd white space, `1.50`, `-0`, repeated keys, "\u0041" …).
// REQUIRES: parsed is parse_json(text).
[[nodiscard]] std::optional<JsonStyle> style_of(std::string_view text, const Json& parsed);

// A style's name in recording files:
//   compact   {"a":1,"b":[]}          ensure_ascii off
//   python    {"a": 1, "b": []}
//   colon     {"a": 1,"b": []}
//   indentN   N spaces a level (1 to 8), "key": value
//   tab       one tab a level
// then, in this order and each at most once: +ascii, +slash, +html, +shortfloat, +newline.
// "python+ascii" is json.dumps's default. Empty text for a style that has no name.
[[nodiscard]] std::string style_name(const JsonStyle& style);
[[nodiscard]] std::optional<JsonStyle> style_from_name(std::string_view name);

}  // namespace recshim::match
