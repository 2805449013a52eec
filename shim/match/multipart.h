// Reads multipart bodies block by block: what parts they hold and each one's digest,
// and the content of JSON alone. Source: RFC 2046 §5.1.1, RFC 7578.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/sha256.h"

namespace recshim::match {

struct Part {
  std::optional<std::string> name;      // of Content-Disposition, UTF-8
  std::optional<std::string> filename;  // likewise
  std::optional<std::string> type;      // Content-Type as sent
  std::string sha256;                   // of the content, lower-case hex
  // The content, of a part that says to be JSON and has at most kMaxTextBytes.
  std::optional<std::string> text;
};

// The boundary parameter of a Content-Type "multipart/…"; nullopt if there is none.
std::optional<std::string> multipart_boundary(std::string_view content_type);

// Memory: one block, the delimiter, and kMaxHeadBytes of a part's head.
// Threads: external synchronisation.
class MultipartReader {
 public:
  static constexpr size_t kMaxHeadBytes = size_t{64} << 10;
  static constexpr size_t kMaxParts = 10000;
  static constexpr size_t kMaxTextBytes = size_t{1} << 20;  // of all parts together

  explicit MultipartReader(std::string_view boundary);
  // False once the body is not well-formed multipart or exceeds a limit; sticky.
  bool feed(std::string_view block);
  // True if the closing boundary has been seen. The parts are then complete.
  [[nodiscard]] bool complete() const { return state_ == State::kEpilogue; }
  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }

 private:
  enum class State { kPreamble, kHead, kContent, kEpilogue, kFailed };
  // What follows a delimiter decides whether it is one.
  enum class After { kNeedMore, kPart, kClose, kNotADelimiter };

  bool step();  // false when more bytes are needed
  bool step_text();
  bool step_head();
  After look_after(size_t at, size_t& end) const;
  void read_head(std::string_view head);
  void take_content(size_t size);
  void end_part();
  void keep_text(std::string_view content);

  std::string delimiter_;  // CRLF "--" boundary
  std::string buffer_;
  State state_ = State::kPreamble;
  size_t scan_from_ = 0;         // before it stands no delimiter
  bool content_starts_ = false;  // the CRLF that ends the head is still in the buffer
  std::optional<Sha256> digest_;
  std::vector<Part> parts_;
  bool keeps_text_ = false;  // of the last part
  size_t text_bytes_ = 0;    // of all parts
};

}  // namespace recshim::match
