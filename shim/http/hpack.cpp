// See hpack.h.
#include "shim/http/hpack.h"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace recshim::http {
namespace {

// What a table may be asked to hold. Peers agree on 64 KiB at most in practice.
constexpr size_t kMaxTableBytes = size_t{1} << 20;
constexpr size_t kEntryOverheadBytes = 32;  // RFC 7541 §4.1

// RFC 7541 Appendix A.
struct StaticEntry {
  const char* name;
  const char* value;
};
constexpr std::array<StaticEntry, 61> kStaticTable = {{
    {":authority", ""},
    {":method", "GET"},
    {":method", "POST"},
    {":path", "/"},
    {":path", "/index.html"},
    {":scheme", "http"},
    {":scheme", "https"},
    {":status", "200"},
    {":status", "204"},
    {":status", "206"},
    {":status", "304"},
    {":status", "400"},
    {":status", "404"},
    {":status", "500"},
    {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"},
    {"accept-language", ""},
    {"accept-ranges", ""},
    {"accept", ""},
    {"access-control-allow-origin", ""},
    {"age", ""},
    {"allow", ""},
    {"authorization", ""},
    {"cache-control", ""},
    {"content-disposition", ""},
    {"content-encoding", ""},
    {"content-language", ""},
    {"content-length", ""},
    {"content-location", ""},
    {"content-range", ""},
    {"content-type", ""},
    {"cookie", ""},
    {"date", ""},
    {"etag", ""},
    {"expect", ""},
    {"expires", ""},
    {"from", ""},
    {"host", ""},
    {"if-match", ""},
    {"if-modified-since", ""},
    {"if-none-match", ""},
    {"if-range", ""},
    {"if-unmodified-since", ""},
    {"last-modified", ""},
    {"link", ""},
    {"location", ""},
    {"max-forwards", ""},
    {"proxy-authenticate", ""},
    {"proxy-authorization", ""},
    {"range", ""},
    {"referer", ""},
    {"refresh", ""},
    {"retry-after", ""},
    {"server", ""},
    {"set-cookie", ""},
    {"strict-transport-security", ""},
    {"transfer-encoding", ""},
    {"user-agent", ""},
    {"vary", ""},
    {"via", ""},
    {"www-authenticate", ""},
}};

// RFC 7541 Appendix B, of which the lengths are enough: the code is canonical, so that codes of one
// length ascend with their symbols. The last symbol is EOS.
constexpr size_t kSymbols = 257;
constexpr size_t kLongestCode = 30;
constexpr std::array<uint8_t, kSymbols> kCodeLengths = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,
    5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,
    7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8,  13, 19, 13, 14, 6,
    15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,  5,  6,  7,  7,
    7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30};

// The codes of each length: how many, the first of them, and where its symbol is.
struct HuffmanCode {
  std::array<uint32_t, kLongestCode + 1> count{}, first{}, start{};
  std::array<uint16_t, kSymbols> symbols{};
};

constexpr HuffmanCode make_code() {
  HuffmanCode code;
  uint32_t next = 0;
  uint32_t placed = 0;
  for (size_t length = 1; length <= kLongestCode; ++length) {
    next <<= 1;
    code.first[length] = next;
    code.start[length] = placed;
    for (size_t symbol = 0; symbol < kSymbols; ++symbol) {
      if (kCodeLengths[symbol] != length) continue;
      code.symbols[placed++] = static_cast<uint16_t>(symbol);
      ++code.count[length];
    }
    next += code.count[length];
  }
  return code;
}

constexpr HuffmanCode kCode = make_code();

// RFC 7541 §5.2: padded with the first bits of EOS, all ones, less than a byte of them.
std::optional<std::string> huffman_decode(std::string_view bytes) {
  std::string out;
  uint32_t code = 0;
  size_t length = 0;
  for (const char c : bytes) {
    for (int bit = 7; bit >= 0; --bit) {
      code = code << 1 | (static_cast<unsigned char>(c) >> bit & 1U);
      ++length;
      if (length > kLongestCode) return std::nullopt;
      const uint32_t nth = code - kCode.first[length];
      if (code < kCode.first[length] || nth >= kCode.count[length]) continue;
      const uint16_t symbol = kCode.symbols[kCode.start[length] + nth];
      if (symbol == kSymbols - 1) return std::nullopt;
      out.push_back(static_cast<char>(symbol));
      code = 0;
      length = 0;
    }
  }
  if (length > 7 || code != (1U << length) - 1) return std::nullopt;
  return out;
}

Error broken_block() {
  return {ErrorCode::kInvalid, "its HTTP/2 header block breaks RFC 7541"};
}

}  // namespace

// What of a block is left to read.
struct HpackDecoder::Input {
  std::string_view rest;
  size_t list_bytes = 0;  // of the fields so far

  [[nodiscard]] uint8_t peek() const { return static_cast<uint8_t>(rest.front()); }

  // RFC 7541 §5.1. REQUIRES: !rest.empty().
  std::optional<size_t> number(unsigned prefix_bits) {
    const uint8_t mask = static_cast<uint8_t>((1U << prefix_bits) - 1);
    uint64_t value = peek() & mask;
    rest.remove_prefix(1);
    if (value < mask) return value;
    for (unsigned shift = 0; shift <= 28; shift += 7) {
      if (rest.empty()) return std::nullopt;
      const uint8_t byte = peek();
      rest.remove_prefix(1);
      value += static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    return std::nullopt;
  }

  // RFC 7541 §5.2.
  std::optional<std::string> text() {
    if (rest.empty()) return std::nullopt;
    const bool huffman = (peek() & 0x80) != 0;
    const auto length = number(7);
    if (!length || *length > rest.size()) return std::nullopt;
    const auto bytes = rest.substr(0, *length);
    rest.remove_prefix(*length);
    return huffman ? huffman_decode(bytes) : std::string(bytes);
  }
};

const Header* HpackDecoder::at(size_t index) const {
  const size_t in_table = index - kStaticTable.size() - 1;
  return index > kStaticTable.size() && in_table < table_.size() ? &table_[in_table] : nullptr;
}

void HpackDecoder::shrink_to(size_t bytes) {
  while (table_bytes_ > bytes) {
    table_bytes_ -= table_.back().name.size() + table_.back().value.size() + kEntryOverheadBytes;
    table_.pop_back();
  }
}

void HpackDecoder::insert(Header header) {
  const size_t size = header.name.size() + header.value.size() + kEntryOverheadBytes;
  shrink_to(size > table_limit_ ? 0 : table_limit_ - size);
  if (size > table_limit_) return;  // RFC 7541 §4.4
  table_bytes_ += size;
  table_.push_front(std::move(header));
}

// A field, given by its index, or by its name or a name's index, and its value.
Status HpackDecoder::field(Input& input, unsigned index_bits, bool inserts, Headers& out) {
  const bool indexed = index_bits == 7;
  const auto index = input.number(index_bits);
  if (!index || (indexed && *index == 0)) return broken_block();
  Header header;
  if (*index == 0) {
    auto name = input.text();
    if (!name) return broken_block();
    header.name = std::move(*name);
  } else if (*index <= kStaticTable.size()) {
    const StaticEntry& entry = kStaticTable[*index - 1];
    header = {entry.name, indexed ? entry.value : ""};
  } else if (const Header* known = at(*index)) {
    header = {known->name, indexed ? known->value : ""};
  } else {
    return broken_block();
  }
  if (!indexed) {
    auto value = input.text();
    if (!value) return broken_block();
    header.value = std::move(*value);
  }
  input.list_bytes += header.name.size() + header.value.size() + kEntryOverheadBytes;
  if (input.list_bytes > list_bytes_) {
    return Error{ErrorCode::kTooLarge, "its HTTP/2 header fields are too large"};
  }
  if (inserts) insert(header);
  out.push_back(std::move(header));
  return {};
}

Status HpackDecoder::decode_into(Input& input, Headers& out) {
  while (!input.rest.empty()) {
    const uint8_t first = input.peek();
    if ((first & 0xe0) == 0x20) {  // RFC 7541 §6.3
      const auto bytes = input.number(5);
      if (!bytes || !out.empty()) return broken_block();
      if (*bytes > kMaxTableBytes) {
        return Error{ErrorCode::kTooLarge, "its HTTP/2 header table is too large"};
      }
      table_limit_ = *bytes;
      shrink_to(table_limit_);
      continue;
    }
    const bool indexed = (first & 0x80) != 0;
    const bool inserts = !indexed && (first & 0x40) != 0;
    if (Status done = field(input, indexed ? 7 : inserts ? 6 : 4, inserts, out); !done) return done;
  }
  return {};
}

Result<Headers> HpackDecoder::decode(std::string_view block) {
  if (broken_) return broken_block();
  Input input{block};
  Headers out;
  if (Status done = decode_into(input, out); !done) {
    broken_ = true;
    return done.error();
  }
  return out;
}

}  // namespace recshim::http
