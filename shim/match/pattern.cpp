// See pattern.h.
#include "shim/match/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>

namespace recshim::match {
namespace {

constexpr uint32_t kMaxNesting = 50;          // compiling recurses this deep
constexpr uint32_t kMaxSteps = 20'000'000;    // of one match
constexpr uint32_t kMaxHeap_kb = 128 * 1024;  // of one match
constexpr uint32_t kOptions = PCRE2_ALLOW_EMPTY_CLASS | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY |
                              PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_UCP | PCRE2_NEVER_UTF;

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* value) const {
    release(value);
  }
};
template <typename T, auto release>
using Owned = std::unique_ptr<T, Release<release>>;

using Code = Owned<pcre2_code, pcre2_code_free>;
using CompileContext = Owned<pcre2_compile_context, pcre2_compile_context_free>;
using MatchContext = Owned<pcre2_match_context, pcre2_match_context_free>;
using MatchData = Owned<pcre2_match_data, pcre2_match_data_free>;

std::string message_of(int error) {
  PCRE2_UCHAR text[256];
  const int size = pcre2_get_error_message(error, text, sizeof text);
  return {reinterpret_cast<const char*>(text), static_cast<size_t>(std::max(size, 0))};
}

PCRE2_SPTR bytes_of(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

Error no_memory() {
  return {ErrorCode::kTooLarge, "no memory for a regular expression"};
}

// One match: what stood where, by number of the group; 0 is all of it.
class Groups {
 public:
  Groups(std::string_view text, pcre2_match_data* match)
      : text_(text),
        ends_(pcre2_get_ovector_pointer(match)),
        count_(pcre2_get_ovector_count(match)) {}

  [[nodiscard]] bool has(size_t group) const { return group < count_; }
  [[nodiscard]] std::string_view operator[](size_t group) const {
    const size_t from = ends_[2 * group];
    if (from == PCRE2_UNSET || from > end(group)) return {};
    return text_.substr(from, end(group) - from);
  }
  // \K in a lookahead may put it behind the end.
  [[nodiscard]] size_t begin() const { return std::min(ends_[0], ends_[1]); }
  [[nodiscard]] size_t end(size_t group = 0) const { return ends_[2 * group + 1]; }
  [[nodiscard]] std::string_view before() const { return text_.substr(0, begin()); }
  [[nodiscard]] std::string_view behind() const { return text_.substr(end()); }

 private:
  std::string_view text_;
  const PCRE2_SIZE* ends_;
  size_t count_;
};

// ECMA-262, GetSubstitution. A group that there is not stays as it is written.
void append_replacement(std::string& out, std::string_view replacement, const Groups& groups) {
  const auto digit = [&](size_t at) {
    const char c = at < replacement.size() ? replacement[at] : ' ';
    return c >= '0' && c <= '9' ? c - '0' : -1;
  };
  for (size_t at = 0; at < replacement.size(); ++at) {
    const char next =
        replacement[at] == '$' && at + 1 < replacement.size() ? replacement[at + 1] : '\0';
    const int first = digit(at + 1);
    const int second = digit(at + 2);
    const int both = first < 0 || second < 0 ? -1 : 10 * first + second;
    if (next == '$') {
      out.push_back('$');
    } else if (next == '&') {
      out += groups[0];
    } else if (next == '`') {
      out += groups.before();
    } else if (next == '\'') {
      out += groups.behind();
    } else if (next != '\0' && both > 0 && groups.has(static_cast<size_t>(both))) {
      out += groups[static_cast<size_t>(both)];
      ++at;
    } else if (next != '\0' && first > 0 && groups.has(static_cast<size_t>(first))) {
      out += groups[static_cast<size_t>(first)];
    } else {
      out.push_back(replacement[at]);
      continue;
    }
    ++at;
  }
}

}  // namespace

struct Pattern::Compiled {
  Code code;
  MatchContext context;
};

Pattern::Pattern(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::compile(const std::string& expression) {
  const CompileContext context(pcre2_compile_context_create(nullptr));
  auto compiled = std::make_unique<Compiled>();
  compiled->context.reset(pcre2_match_context_create(nullptr));
  if (context == nullptr || compiled->context == nullptr) return no_memory();
  pcre2_set_parens_nest_limit(context.get(), kMaxNesting);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_ANYCRLF);
  pcre2_set_match_limit(compiled->context.get(), kMaxSteps);
  pcre2_set_heap_limit(compiled->context.get(), kMaxHeap_kb);
  int error = 0;
  PCRE2_SIZE at = 0;
  compiled->code.reset(
      pcre2_compile(bytes_of(expression), expression.size(), kOptions, &error, &at, context.get()));
  if (compiled->code == nullptr) return Error{ErrorCode::kInvalid, message_of(error)};
  return Pattern(std::move(compiled));
}

Result<std::string> Pattern::replace(std::string_view text, std::string_view replacement) const {
  const pcre2_code* code = compiled_->code.get();
  const MatchData match(pcre2_match_data_create_from_pattern(code, nullptr));
  if (match == nullptr) return no_memory();
  const Groups groups(text, match.get());
  std::string out;
  size_t copied = 0;
  for (size_t at = 0; at <= text.size();) {
    const int found = pcre2_match(code, bytes_of(text), text.size(), at, 0, match.get(),
                                  compiled_->context.get());
    if (found == PCRE2_ERROR_NOMATCH) break;
    if (found < 0) return Error{ErrorCode::kTooLarge, message_of(found)};
    out += text.substr(copied, std::max(groups.begin(), copied) - copied);
    append_replacement(out, replacement, groups);
    copied = std::max(groups.end(), copied);
    at = groups.end() > at && !groups[0].empty() ? groups.end() : std::max(groups.end(), at) + 1;
  }
  out += text.substr(std::min(copied, text.size()));
  return out;
}

}  // namespace recshim::match
