// Reads HPACK header blocks (RFC 7541), those of one direction of an HTTP/2 connection in their
// order. Knows no frames.
#pragma once

#include <cstddef>
#include <deque>
#include <string_view>

#include "shim/base/result.h"
#include "shim/http/message.h"

namespace recshim::http {

// Threads: external synchronisation.
class HpackDecoder {
 public:
  // list_bytes: what the names and values of one block may come to.
  explicit HpackDecoder(size_t list_bytes) : list_bytes_(list_bytes) {}

  // block:   a whole one, borrowed for this call.
  // Returns: its fields in order, the pseudo-header fields among them.
  // Errors:  kInvalid, kTooLarge; sticky, since the table is unknown afterwards.
  Result<Headers> decode(std::string_view block);

 private:
  struct Input;
  [[nodiscard]] const Header* at(size_t index) const;
  void insert(Header header);
  void shrink_to(size_t bytes);
  Status decode_into(Input& input, Headers& out);
  Status field(Input& input, unsigned index_bits, bool inserts, Headers& out);

  const size_t list_bytes_;
  std::deque<Header> table_;  // the newest first
  size_t table_bytes_ = 0;
  size_t table_limit_ = 4096;  // RFC 9113 §6.5.2
  bool broken_ = false;
};

}  // namespace recshim::http
