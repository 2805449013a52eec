// See multipart.h.
#include "shim/match/multipart.h"

#include <algorithm>

#include "shim/http/message.h"
#include "shim/match/url.h"
#include "shim/match/utf8.h"

namespace recshim::match {
namespace {

constexpr size_t kMaxPaddingBytes = 1024;

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The parameter `wanted` (lower case) of "type; a=b; c="d;\"e"" (RFC 9110 §5.6.6).
std::optional<std::string> parameter(std::string_view field, std::string_view wanted) {
  size_t at = std::min(field.find(';'), field.size());
  while (at < field.size()) {
    ++at;
    const size_t equals = field.find_first_of("=;", at);
    if (equals == std::string_view::npos) return std::nullopt;
    if (field[equals] == ';') {
      at = equals;
      continue;
    }
    const bool hit = http::equals_ignoring_case(trimmed(field.substr(at, equals - at)), wanted);
    at = field.find_first_not_of(" \t", equals + 1);
    std::string value;
    if (at != std::string_view::npos && field[at] == '"') {
      for (++at; at < field.size() && field[at] != '"'; ++at) {
        // Only \" and \\ are escapes: browsers send C:\path unescaped.
        if (field[at] == '\\' && at + 1 < field.size() &&
            (field[at + 1] == '"' || field[at + 1] == '\\')) {
          ++at;
        }
        value.push_back(field[at]);
      }
      at = std::min(field.find(';', at), field.size());
    } else {
      at = std::min(at, field.size());
      const size_t end = std::min(field.find(';', at), field.size());
      value = trimmed(field.substr(at, end - at));
      at = end;
    }
    if (hit) return value;
  }
  return std::nullopt;
}

// filename*=UTF-8''%e2%82%ac (RFC 8187).
std::optional<std::string> extended_parameter(std::string_view field, std::string_view wanted) {
  const std::optional<std::string> raw = parameter(field, std::string(wanted) + "*");
  if (!raw) return std::nullopt;
  const size_t first = raw->find('\'');
  const size_t second = first == std::string::npos ? first : raw->find('\'', first + 1);
  if (second == std::string::npos) return std::nullopt;
  std::string encoded = raw->substr(second + 1);
  for (size_t at = encoded.find('+'); at != std::string::npos; at = encoded.find('+', at)) {
    encoded.replace(at, 1, "%2B");
  }
  return decode_parameter(encoded);
}

std::optional<std::string> repaired(std::optional<std::string> text) {
  if (text) *text = repaired_utf8(*text);
  return text;
}

}  // namespace

std::optional<std::string> multipart_boundary(std::string_view content_type) {
  if (!http::equals_ignoring_case(content_type.substr(0, 10), "multipart/")) return std::nullopt;
  std::optional<std::string> boundary = parameter(content_type, "boundary");
  if (boundary && (boundary->empty() || boundary->size() > 200)) return std::nullopt;
  return boundary;
}

// The body is read as if a CRLF stood before it, so the first delimiter is like any other.
MultipartReader::MultipartReader(std::string_view boundary)
    : delimiter_("\r\n--" + std::string(boundary)), buffer_("\r\n") {}

bool MultipartReader::feed(std::string_view block) {
  if (state_ == State::kFailed) return false;
  if (state_ == State::kEpilogue) return true;
  buffer_.append(block);
  while (step()) {
  }
  return state_ != State::kFailed;
}

bool MultipartReader::step() {
  switch (state_) {
    case State::kPreamble:
    case State::kContent:
      return step_text();
    case State::kHead:
      return step_head();
    case State::kEpilogue:
    case State::kFailed:
      buffer_.clear();
      return false;
  }
  return false;
}

bool MultipartReader::step_text() {
  const size_t found = buffer_.find(delimiter_, scan_from_);
  if (found == std::string::npos) {
    // What could be the start of a delimiter waits for the next block.
    const size_t safe = buffer_.size() - std::min(buffer_.size(), delimiter_.size() - 1);
    take_content(std::max(safe, scan_from_));
    return false;
  }
  size_t end = 0;
  switch (look_after(found + delimiter_.size(), end)) {
    case After::kNeedMore:
      take_content(found);
      return false;
    case After::kNotADelimiter:
      scan_from_ = found + 1;
      return true;
    case After::kPart:
    case After::kClose:
      break;
  }
  const bool closes = buffer_.compare(found + delimiter_.size(), 2, "--") == 0;
  take_content(found);
  if (state_ == State::kContent) end_part();
  digest_.reset();
  buffer_.erase(0, end - found);
  state_ = closes ? State::kEpilogue : State::kHead;
  return true;
}

MultipartReader::After MultipartReader::look_after(size_t at, size_t& end) const {
  if (buffer_.compare(at, 2, "--") == 0) {
    end = at + 2;
    return After::kClose;
  }
  size_t rest = at;
  while (rest < buffer_.size() && (buffer_[rest] == ' ' || buffer_[rest] == '\t')) ++rest;
  if (rest - at > kMaxPaddingBytes) return After::kNotADelimiter;
  const std::string_view left = std::string_view(buffer_).substr(rest);
  if (left.starts_with("\r\n")) {
    end = rest;  // the CRLF stays: an empty head is a CRLF of its own
    return After::kPart;
  }
  const bool may_still_match = left.empty() || left == "\r" || (rest == at && left == "-");
  return may_still_match ? After::kNeedMore : After::kNotADelimiter;
}

bool MultipartReader::step_head() {
  // The buffer starts with the CRLF of the delimiter's line.
  const size_t end = buffer_.find("\r\n\r\n");
  if (end == std::string::npos) {
    if (buffer_.size() > kMaxHeadBytes) state_ = State::kFailed;
    return false;
  }
  if (end > kMaxHeadBytes || parts_.size() >= kMaxParts) {
    state_ = State::kFailed;
    return true;
  }
  read_head(std::string_view(buffer_).substr(0, end));
  // The head's own CRLF stays, as the one that an empty content's delimiter begins with.
  buffer_.erase(0, end + 2);
  state_ = State::kContent;
  digest_.emplace();
  content_starts_ = true;
  scan_from_ = 0;
  return true;
}

void MultipartReader::read_head(std::string_view head) {
  Part part;
  size_t at = 0;
  while (at < head.size()) {
    size_t end = std::min(head.find("\r\n", at), head.size());
    // A folded line goes on with white space (RFC 5322 §2.2.3).
    while (end + 2 < head.size() && (head[end + 2] == ' ' || head[end + 2] == '\t')) {
      end = std::min(head.find("\r\n", end + 2), head.size());
    }
    const std::string_view line = head.substr(at, end - at);
    at = end + 2;
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (http::equals_ignoring_case(name, "content-disposition")) {
      part.name = repaired(parameter(value, "name"));
      part.filename = extended_parameter(value, "filename");
      if (!part.filename) part.filename = repaired(parameter(value, "filename"));
    } else if (http::equals_ignoring_case(name, "content-type")) {
      part.type = repaired_utf8(value);
    }
  }
  keeps_text_ = part.type && http::to_lower(*part.type).find("json") != std::string::npos;
  parts_.push_back(std::move(part));
}

void MultipartReader::end_part() {
  parts_.back().sha256 = digest_->finish_hex();
  if (keeps_text_ && !parts_.back().text) parts_.back().text.emplace();
}

void MultipartReader::keep_text(std::string_view content) {
  if (!keeps_text_) return;
  std::optional<std::string>& text = parts_.back().text;
  keeps_text_ = text_bytes_ + content.size() <= kMaxTextBytes;
  if (!keeps_text_) return text.reset();
  text_bytes_ += content.size();
  if (!text) text.emplace();
  text->append(content);
}

// Removes the first `size` bytes of the buffer, which are content (or preamble).
void MultipartReader::take_content(size_t size) {
  if (state_ == State::kContent && size > 0) {
    const size_t skip = content_starts_ ? 2 : 0;  // the head's CRLF
    if (size < skip) return;
    const std::string_view content = std::string_view(buffer_).substr(skip, size - skip);
    digest_->update(content);
    keep_text(content);
    content_starts_ = false;
  }
  buffer_.erase(0, size);
  scan_from_ = 0;
}

}  // namespace recshim::match
