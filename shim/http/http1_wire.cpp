// llhttp reads heads and trailers; the callbacks pause it at their ends, so the bytes it
// took are their exact bytes. Bodies are cut here: chunk-size lines because their exact
// bytes are wanted, and because senders pad them with spaces that llhttp refuses.
#include "shim/http/http1_wire.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "shim/http/grammar.h"

namespace recshim::http {
namespace {

std::string lower_hex(uint64_t value) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return {digits, end};
}

}  // namespace

const llhttp_settings_t* Http1Wire::settings() {
  static constexpr llhttp_settings_t kTable = [] {
    llhttp_settings_t s{};
    s.on_url = s.on_status = [](llhttp_t* p, const char* at, size_t n) {
      static_cast<Http1Wire*>(p->data)->start_text_.append(at, n);
      return 0;
    };
    s.on_header_field = [](llhttp_t* p, const char* at, size_t n) {
      static_cast<Http1Wire*>(p->data)->on_field({at, n});
      return 0;
    };
    s.on_header_field_complete = [](llhttp_t* p) {
      // Content-Length, Transfer-Encoding and the like are for body_rule to judge:
      // llhttp refuses several combinations that programs put up with.
      p->header_state = 0;
      static_cast<Http1Wire*>(p->data)->in_field_ = false;
      return 0;
    };
    s.on_header_value = [](llhttp_t* p, const char* at, size_t n) {
      static_cast<Http1Wire*>(p->data)->on_value({at, n});
      return 0;
    };
    s.on_headers_complete = s.on_message_complete = [](llhttp_t* p) {
      static_cast<Http1Wire*>(p->data)->paused_ = true;
      return static_cast<int>(HPE_PAUSED);
    };
    return s;
  }();
  return &kTable;
}

Http1Wire::Http1Wire(llhttp_type_t type, Limits limits) : limits_(limits) {
  llhttp_init(&parser_, type, settings());
  parser_.data = this;
  llhttp_set_lenient_headers(&parser_, 1);
  llhttp_set_lenient_keep_alive(&parser_, 1);
#if LLHTTP_VERSION_MAJOR >= 9
  llhttp_set_lenient_optional_cr_before_lf(&parser_, 1);
  llhttp_set_lenient_optional_lf_after_cr(&parser_, 0);
#endif
}

Status Http1Wire::begin(std::string_view first_bytes) {
  llhttp_reset(&parser_);
  section_ = Section::kHead;
  start_text_.clear();
  headers_.clear();
  in_field_ = in_value_ = in_fold_ = false;
  exact_.clear();
  last_chunk_line_.clear();
  size_t taken = 0;
  return execute(first_bytes, &taken);
}

Status Http1Wire::execute(std::string_view bytes, size_t* taken) {
  fed_ = bytes.data();
  paused_ = false;
  const llhttp_errno_t error = llhttp_execute(&parser_, bytes.data(), bytes.size());
  if (error == HPE_OK) {
    *taken = bytes.size();
  } else if (error == HPE_PAUSED && paused_) {
    *taken = static_cast<size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
    llhttp_resume(&parser_);
  } else {
    return Error{ErrorCode::kInvalid,
                 std::string("not HTTP/1.1: ") + llhttp_get_error_reason(&parser_)};
  }
  fed_offset_ += *taken;
  return {};
}

Status Http1Wire::keep_exact(std::string_view bytes, size_t limit_bytes) {
  if (exact_.size() + bytes.size() > limit_bytes) {
    return Error{ErrorCode::kTooLarge, "head, trailers or chunk-size line over " +
                                           std::to_string(limit_bytes) + " bytes"};
  }
  exact_.append(bytes);
  return {};
}

void Http1Wire::on_field(std::string_view piece) {
  if (!in_field_) {
    headers_.emplace_back();
    in_field_ = true;
    in_value_ = in_fold_ = false;
  }
  headers_.back().name.append(piece);
}

void Http1Wire::on_value(std::string_view piece) {
  const uint64_t offset = fed_offset_ + static_cast<uint64_t>(piece.data() - fed_);
  std::string& value = headers_.back().value;
  if (in_value_ && offset != value_end_) {
    // obs-fold: a line break and the white space around it count as one space (RFC 9112
    // §5.2). That after it may come in further pieces.
    value = trim_ows(value);
    in_fold_ = true;
  }
  in_value_ = true;
  value_end_ = offset + piece.size();
  if (in_fold_) {
    piece.remove_prefix(std::min(piece.find_first_not_of(" \t"), piece.size()));
    if (piece.empty()) return;
    if (!value.empty()) value += ' ';
    in_fold_ = false;
  }
  value.append(piece);
}

void Http1Wire::finish_headers() {
  for (Header& header : headers_) {
    header.name = trim_ows(header.name);
    header.value = trim_ows(header.value);
  }
}

std::string Http1Wire::version() const {
  if (parser_.http_major != 1 || parser_.http_minor > 1) return {};
  return parser_.http_minor == 1 ? "1.1" : "1.0";
}

Http1Wire::Step Http1Wire::start_body(const BodyRule& rule) {
  exact_.clear();
  headers_.clear();
  switch (rule.framing) {
    case Framing::kNone:
      return Step::kEnd;
    case Framing::kLength:
      section_ = Section::kLength;
      remaining_bytes_ = rule.length_bytes;
      return remaining_bytes_ == 0 ? Step::kEnd : Step::kNeedMore;
    case Framing::kUntilClose:
      section_ = Section::kUntilClose;
      return Step::kNeedMore;
    case Framing::kChunked:
      break;
  }
  section_ = Section::kChunkLine;
  return Step::kNeedMore;
}

// Body bytes up to remaining_bytes_, in one copy.
void Http1Wire::take_data(std::string_view* bytes, std::vector<Event>* events) {
  const auto data = bytes->substr(0, std::min<uint64_t>(remaining_bytes_, bytes->size()));
  events->push_back(BodyData{std::string(data)});
  bytes->remove_prefix(data.size());
  remaining_bytes_ -= data.size();
}

// chunk-size [ chunk-ext ] CRLF (RFC 9112 §7.1). The extensions are kept, not read.
Status Http1Wire::take_chunk_line(std::string_view* bytes, std::vector<Event>* events) {
  const size_t line_feed = bytes->find('\n');
  const auto part =
      bytes->substr(0, line_feed == std::string_view::npos ? line_feed : line_feed + 1);
  if (Status status = keep_exact(part, limits_.chunk_line_bytes); !status.ok()) return status;
  bytes->remove_prefix(part.size());
  if (line_feed == std::string_view::npos) return {};

  const Error invalid{ErrorCode::kInvalid, "not HTTP/1.1: broken chunk-size line"};
  if (!exact_.ends_with("\r\n")) return invalid;
  exact_.resize(exact_.size() - 2);
  constexpr uint64_t kMaxBytes = std::numeric_limits<int64_t>::max();
  const char* const end = exact_.data() + exact_.size();
  const auto size = std::from_chars(exact_.data(), end, remaining_bytes_, 16);
  if (size.ec != std::errc() || remaining_bytes_ > kMaxBytes) return invalid;
  if (size.ptr != end && *size.ptr != ';' && *size.ptr != ' ' && *size.ptr != '\t') return invalid;

  std::string exact_line;
  if (exact_ != lower_hex(remaining_bytes_)) exact_line = std::move(exact_);
  exact_.clear();
  if (remaining_bytes_ > 0) {
    events->push_back(ChunkStarted{remaining_bytes_, std::move(exact_line)});
    section_ = Section::kChunkData;
    return {};
  }
  last_chunk_line_ = std::move(exact_line);
  section_ = Section::kTrailers;
  // llhttp stands behind the head, where it looks at these fields to see what follows.
  // It gets the plainest last-chunk, and then the trailers as they come.
  parser_.flags = F_CHUNKED;
  parser_.content_length = 0;
  parser_.upgrade = 0;
  size_t taken = 0;
  return execute("0\r\n", &taken);
}

// The CRLF after a chunk's data.
Status Http1Wire::take_chunk_end(std::string_view* bytes, std::vector<Event>* events) {
  exact_ += bytes->front();
  bytes->remove_prefix(1);
  if (!std::string_view("\r\n").starts_with(exact_)) {
    return Error{ErrorCode::kInvalid, "not HTTP/1.1: chunk longer than its size"};
  }
  if (exact_.size() == 2) {
    exact_.clear();
    events->push_back(ChunkEnded{});
    section_ = Section::kChunkLine;
  }
  return {};
}

Result<Http1Wire::Step> Http1Wire::take_fields(std::string_view* bytes) {
  size_t taken = 0;
  if (Status status = execute(*bytes, &taken); !status.ok()) return status.error();
  Status status = keep_exact(bytes->substr(0, taken), limits_.head_bytes);
  if (!status.ok()) return status.error();
  bytes->remove_prefix(taken);
  if (!paused_) return Step::kNeedMore;
  finish_headers();
  return section_ == Section::kHead ? Step::kHead : Step::kEnd;
}

Result<Http1Wire::Step> Http1Wire::run(std::string_view* bytes, std::vector<Event>* events) {
  while (!bytes->empty()) {
    Status status;
    switch (section_) {
      case Section::kHead:
      case Section::kTrailers: {
        auto step = take_fields(bytes);
        if (!step.ok() || *step != Step::kNeedMore) return step;
        break;
      }
      case Section::kLength:
        take_data(bytes, events);
        if (remaining_bytes_ == 0) return Step::kEnd;
        break;
      case Section::kUntilClose:
        events->push_back(BodyData{std::string(*bytes)});
        *bytes = {};
        break;
      case Section::kChunkLine:
        status = take_chunk_line(bytes, events);
        break;
      case Section::kChunkData:
        take_data(bytes, events);
        if (remaining_bytes_ == 0) section_ = Section::kChunkEnd;
        break;
      case Section::kChunkEnd:
        status = take_chunk_end(bytes, events);
        break;
    }
    if (!status.ok()) return status.error();
  }
  return Step::kNeedMore;
}

MessageEnded Http1Wire::take_end() {
  MessageEnded end;
  if (section_ == Section::kTrailers) {
    end.trailers = std::move(headers_);
    if (exact_ != serialize_fields(end.trailers) + "\r\n") end.exact_trailers = std::move(exact_);
    end.last_chunk_line = std::move(last_chunk_line_);
  }
  return end;
}

}  // namespace recshim::http
