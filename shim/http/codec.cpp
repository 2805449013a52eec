// RequestParser and ResponseParser: the order of messages on a connection, over
// Http1Wire's steps.
#include "shim/http/codec.h"

#include <deque>
#include <optional>

#include "shim/http/body_rule.h"
#include "shim/http/grammar.h"
#include "shim/http/http1_wire.h"

namespace recshim::http {
namespace {

Error bad_version() {
  return Error{ErrorCode::kInvalid, "not HTTP/1.1: another version"};
}

// Whether the connection stays open after a response (RFC 9112 §9.3).
bool keeps_alive(const ResponseHead& head) {
  if (header_has_token(head.headers, "Connection", "close")) return false;
  return head.version != "1.0" || header_has_token(head.headers, "Connection", "keep-alive");
}

}  // namespace

// --- Requests -----------------------------------------------------------------------

struct RequestParser::Impl {
  explicit Impl(Limits l) : limits(l), wire(HTTP_REQUEST, l) {}

  enum class State {
    kIdle,    // between requests
    kMethod,  // within the method
    kHead,    // the rest of the head
    kBody,
    kHeld,     // after a CONNECT or Upgrade, until resume()
    kSwitched  // no longer HTTP/1.1
  };

  Result<size_t> feed(std::string_view bytes, std::vector<Event>& events, bool one_message);
  Status take_method(std::string_view* bytes);
  Result<Http1Wire::Step> take_head(std::vector<Event>& events);
  void end_message(std::vector<Event>& events);

  Limits limits;
  Http1Wire wire;
  State state = State::kIdle;
  std::optional<Error> error;
  std::string method;
  bool holds_at_end = false;
};

// Reads the method, which llhttp would compare with a list of its own: any token is one
// (RFC 9110 §9.1). llhttp is told of a POST, or of the CONNECT whose target it must
// read as an authority.
Status RequestParser::Impl::take_method(std::string_view* bytes) {
  while (!bytes->empty() && is_tchar(bytes->front())) {
    method += bytes->front();
    bytes->remove_prefix(1);
    if (method.size() > limits.head_bytes) {
      return Error{ErrorCode::kTooLarge, "method over the limit of a message head"};
    }
  }
  if (bytes->empty()) return {};
  if (bytes->front() != ' ' || method.empty()) {
    return Error{ErrorCode::kInvalid, "not HTTP/1.1: no method and space"};
  }
  state = State::kHead;
  return wire.begin(method == "CONNECT" ? "CONNECT" : "POST");
}

Result<Http1Wire::Step> RequestParser::Impl::take_head(std::vector<Event>& events) {
  RequestStarted started;
  started.head.method = std::move(method);
  method.clear();
  started.head.target = wire.start_text();
  started.head.version = wire.version();
  if (started.head.version.empty()) return bad_version();
  started.head.headers = wire.take_headers();
  auto rule = request_body_rule(started.head);
  if (!rule.ok()) return rule.error();
  started.framing = rule->framing;
  started.length_bytes = rule->length_bytes;
  const Headers& headers = started.head.headers;
  started.expects_continue =
      started.head.version != "1.0" && header_has_token(headers, "Expect", "100-continue");
  started.upgrade = header_has_token(headers, "Connection", "upgrade") &&
                    find_header(headers, "Upgrade").has_value();
  holds_at_end = started.upgrade || started.head.method == "CONNECT";
  state = State::kBody;
  events.emplace_back(std::move(started));
  return wire.start_body(*rule);
}

void RequestParser::Impl::end_message(std::vector<Event>& events) {
  events.emplace_back(wire.take_end());
  state = holds_at_end ? State::kHeld : State::kIdle;
}

Result<size_t> RequestParser::Impl::feed(std::string_view bytes, std::vector<Event>& events,
                                         bool one_message) {
  const size_t given = bytes.size();
  while (!bytes.empty() && state != State::kHeld && state != State::kSwitched) {
    if (state == State::kIdle) {
      // Empty lines before a request line are ignored (RFC 9112 §2.2).
      if (bytes.front() == '\r' || bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
      state = State::kMethod;
    }
    if (state == State::kMethod) {
      if (Status status = take_method(&bytes); !status.ok()) return status.error();
      continue;
    }
    auto step = wire.run(&bytes, &events);
    if (step.ok() && *step == Http1Wire::Step::kHead) step = take_head(events);
    if (!step.ok()) return step.error();
    if (*step == Http1Wire::Step::kEnd) {
      end_message(events);
      if (one_message) break;
    }
  }
  return given - bytes.size();
}

RequestParser::RequestParser(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;
RequestParser::RequestParser(RequestParser&&) noexcept = default;

Result<size_t> RequestParser::feed(std::string_view bytes, std::vector<Event>& events) {
  if (impl_->error.has_value()) return *impl_->error;
  auto taken = impl_->feed(bytes, events, /*one_message=*/false);
  if (!taken.ok()) impl_->error = taken.error();
  return taken;
}

Result<size_t> RequestParser::feed_one(std::string_view bytes, std::vector<Event>& events) {
  if (impl_->error.has_value()) return *impl_->error;
  auto taken = impl_->feed(bytes, events, /*one_message=*/true);
  if (!taken.ok()) impl_->error = taken.error();
  return taken;
}

void RequestParser::resume(bool switched) {
  if (switched) {
    impl_->state = Impl::State::kSwitched;
  } else if (impl_->state == Impl::State::kHeld) {
    impl_->state = Impl::State::kIdle;
  }
}

bool RequestParser::mid_message() const {
  using State = Impl::State;
  return impl_->state == State::kMethod || impl_->state == State::kHead ||
         impl_->state == State::kBody;
}

// --- Responses ----------------------------------------------------------------------

struct ResponseParser::Impl {
  explicit Impl(Limits limits) : wire(HTTP_RESPONSE, limits) {}

  enum class State { kIdle, kHead, kBody, kSwitched, kClosed };

  Result<size_t> feed(std::string_view bytes, std::vector<Event>& events);
  Result<Http1Wire::Step> take_head(std::vector<Event>& events);

  Http1Wire wire;
  State state = State::kIdle;
  bool has_content = false;  // kHead: more than empty lines have come
  std::optional<Error> error;
  std::deque<std::string> methods;
};

Result<Http1Wire::Step> ResponseParser::Impl::take_head(std::vector<Event>& events) {
  ResponseStarted started;
  ResponseHead& head = started.head;
  head.status = wire.status();
  head.reason = wire.start_text();
  head.version = wire.version();
  if (head.version.empty()) return bad_version();
  if (head.status < 100 || head.status > 999) {
    return Error{ErrorCode::kInvalid, "not HTTP/1.1: status of other than three digits"};
  }
  head.headers = wire.take_headers();
  std::string exact = wire.take_exact_head();
  if (serialize(head) != exact) head.exact = std::move(exact);

  const bool informational = head.status < 200;
  const bool switched =
      head.status == 101 || (!informational && head.status < 300 && methods.front() == "CONNECT");
  BodyRule rule;
  if (!informational && !switched) {
    auto found = response_body_rule(head, methods.front());
    if (!found.ok()) return found.error();
    rule = *found;
  }
  started.framing = rule.framing;
  started.length_bytes = rule.length_bytes;
  started.keep_alive = switched || (keeps_alive(head) && rule.framing != Framing::kUntilClose);
  events.emplace_back(std::move(started));
  if (switched) {
    events.emplace_back(Switched{});
    state = State::kSwitched;
    return Http1Wire::Step::kNeedMore;
  }
  if (informational) {
    state = State::kIdle;
    return Http1Wire::Step::kNeedMore;
  }
  methods.pop_front();
  state = State::kBody;
  return wire.start_body(rule);
}

Result<size_t> ResponseParser::Impl::feed(std::string_view bytes, std::vector<Event>& events) {
  const size_t given = bytes.size();
  while (!bytes.empty() && state != State::kSwitched && state != State::kClosed) {
    if (state == State::kIdle) {
      if (methods.empty()) break;
      if (Status status = wire.begin(); !status.ok()) return status.error();
      state = State::kHead;
      has_content = false;
    }
    if (state == State::kHead && !has_content) {
      has_content = bytes.find_first_not_of("\r\n") != std::string_view::npos;
    }
    auto step = wire.run(&bytes, &events);
    if (step.ok() && *step == Http1Wire::Step::kHead) step = take_head(events);
    if (!step.ok()) return step.error();
    if (*step == Http1Wire::Step::kEnd) {
      events.emplace_back(wire.take_end());
      state = State::kIdle;
    }
  }
  return given - bytes.size();
}

ResponseParser::ResponseParser(Limits limits) : impl_(std::make_unique<Impl>(limits)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;

void ResponseParser::expect(std::string_view method) {
  impl_->methods.emplace_back(method);
}

Result<size_t> ResponseParser::feed(std::string_view bytes, std::vector<Event>& events) {
  if (impl_->error.has_value()) return *impl_->error;
  auto taken = impl_->feed(bytes, events);
  if (!taken.ok()) impl_->error = taken.error();
  return taken;
}

Result<bool> ResponseParser::finish(std::vector<Event>& events) {
  if (impl_->error.has_value()) return *impl_->error;
  const bool ends_body = impl_->state == Impl::State::kBody && impl_->wire.in_until_close_body();
  const bool whole = ends_body || !mid_message();
  if (ends_body) events.emplace_back(impl_->wire.take_end());
  if (impl_->state != Impl::State::kSwitched) impl_->state = Impl::State::kClosed;
  return whole;
}

bool ResponseParser::mid_message() const {
  return impl_->state == Impl::State::kBody ||
         (impl_->state == Impl::State::kHead && impl_->has_content);
}

}  // namespace recshim::http
