// Http1Wire: llhttp made into steps. Cuts one direction of a connection into heads,
// chunks and trailers and keeps the exact bytes of each; does not know which side it
// reads for, nor how long a body is: its owner says so after each head. Internal to
// shim/http.
#pragma once

#include <llhttp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "shim/base/result.h"
#include "shim/http/body_rule.h"
#include "shim/http/codec.h"

namespace recshim::http {

class Http1Wire {
 public:
  enum class Step {
    kNeedMore,  // all bytes taken
    kHead,      // a head is complete: call start_body()
    kEnd,       // the message is complete: call take_end(), then begin()
  };

  Http1Wire(llhttp_type_t type, Limits limits);
  Http1Wire(const Http1Wire&) = delete;

  // Starts a message. first_bytes: fed to the grammar, but no part of the exact bytes.
  Status begin(std::string_view first_bytes = "");
  // Takes bytes from the front of *bytes and appends BodyData, ChunkStarted and
  // ChunkEnded. Errors: kInvalid, kTooLarge; the owner must not go on.
  Result<Step> run(std::string_view* bytes, std::vector<Event>* events);
  // REQUIRES: the last step was kHead. Returns kEnd when there is no body at all.
  Step start_body(const BodyRule& rule);
  // REQUIRES: the last step was kHead.
  [[nodiscard]] const std::string& start_text() const { return start_text_; }  // target or reason
  [[nodiscard]] int status() const { return parser_.status_code; }
  // "1.0" or "1.1", or empty for another version.
  [[nodiscard]] std::string version() const;
  Headers take_headers() { return std::move(headers_); }
  std::string take_exact_head() { return std::move(exact_); }
  // REQUIRES: the last step was kEnd, or the peer closed in a body without other end.
  MessageEnded take_end();
  [[nodiscard]] bool in_until_close_body() const { return section_ == Section::kUntilClose; }

 private:
  enum class Section { kHead, kLength, kUntilClose, kChunkLine, kChunkData, kChunkEnd, kTrailers };

  static const llhttp_settings_t* settings();
  Status execute(std::string_view bytes, size_t* taken);
  Status keep_exact(std::string_view bytes, size_t limit_bytes);
  void on_field(std::string_view piece);
  void on_value(std::string_view piece);
  void finish_headers();
  Result<Step> take_fields(std::string_view* bytes);
  void take_data(std::string_view* bytes, std::vector<Event>* events);
  Status take_chunk_line(std::string_view* bytes, std::vector<Event>* events);
  Status take_chunk_end(std::string_view* bytes, std::vector<Event>* events);

  Limits limits_;
  llhttp_t parser_;
  Section section_ = Section::kHead;
  uint64_t remaining_bytes_ = 0;  // kLength, kChunkData

  // Whether the last execute() reached the end of the head or of the trailers.
  bool paused_ = false;
  // Where in the stream the bytes of the current execute() stand, to tell a folded
  // value from one that came in two pieces.
  const char* fed_ = nullptr;
  uint64_t fed_offset_ = 0;

  std::string start_text_;
  Headers headers_;
  bool in_field_ = false;
  bool in_value_ = false;
  bool in_fold_ = false;  // past a folded line's break, before its text
  uint64_t value_end_ = 0;
  std::string exact_;  // of the head, chunk line or trailers read so far
  std::string last_chunk_line_;
};

}  // namespace recshim::http
