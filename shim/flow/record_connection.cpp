// RecordConnection: pairs the two directions of a real connection. Owns the parsers, the
// bytes that wait, and the queue of open exchanges; what one exchange becomes is
// exchange_recorder.h's.
#include <algorithm>
#include <deque>

#include "shim/flow/connection.h"
#include "shim/flow/exchange_recorder.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/http2_recorder.h"
#include "shim/flow/origin.h"
#include "shim/flow/stamps.h"
#include "shim/flow/state.h"
#include "shim/flow/waiting.h"

namespace recshim::flow {
namespace {

constexpr size_t kMaxWaitingBytes = size_t{64} << 20;
constexpr size_t kFeedBytes = size_t{64} << 10;
constexpr size_t kMaxOpenExchanges = 1024;

// Whether these may be the first bytes of a response (RFC 9112 §4).
bool may_be_response(std::string_view first_bytes) {
  constexpr std::string_view kStart = "HTTP/1.";
  const size_t n = std::min(kStart.size(), first_bytes.size());
  return first_bytes.substr(0, n) == kStart.substr(0, n);
}

// Whether these may be the first bytes of an HTTP/2 server's SETTINGS frame, which may come before
// the client's preface (RFC 9113 §3.4, §6.5).
bool may_be_settings(std::string_view first_bytes) {
  constexpr std::string_view kTypeFlagsStream("\4\0\0\0\0\0", 6);
  if (!first_bytes.empty() && first_bytes[0] != 0) return false;
  if (first_bytes.size() <= 3) return true;
  return kTypeFlagsStream.starts_with(first_bytes.substr(3, 6));
}

// A request whose exchange is not over.
struct Open {
  ExchangeRecorder recorder;
  bool recorded = false;  // its origin is ours
  bool connect = false;
  bool asks_switch = false;  // CONNECT or Upgrade
  bool switch_answered = false;
};

}  // namespace

struct RecordConnection::Impl {
  Impl(RecordConnection& owner_, http::Origin origin_, bool is_proxy_, const Settings& settings_)
      : owner(owner_), settings(settings_), origin(std::move(origin_)), is_proxy(is_proxy_) {
    restart();
  }

  void restart();
  void step(PhaseStep step);
  void leave(std::string reason, Commands& out);
  void pump(Commands& out);
  void sniff_client(Commands& out);
  void begin_http2(Commands& out);
  void follow_http2(Status done, Commands& out);
  void end_http2(Commands& out);  // REQUIRES: http2, server_end
  bool pump_client(Commands& out);
  bool pump_server(Commands& out);
  void server_ended(Commands& out);

  void on_request_head(http::RequestStarted& event, Commands& out);
  void on_request_event(http::Event& event, uint64_t now_us, Commands& out);
  void on_response_event(http::Event& event, uint64_t now_us, Commands& out);
  void on_final_head(http::ResponseStarted& event, uint64_t now_us);
  void open_tunnel(Commands& out);

  [[nodiscard]] bool is_configured(const http::Origin& target, const std::string& at = "") const {
    return settings.is_configured && settings.is_configured(target, at);
  }
  [[nodiscard]] bool decide_origin(const http::RequestHead& head, http::Origin& target) const;
  void expect_front();
  void settle_front(Commands& out);
  void save(Open& open, Commands& out);
  void lose_open(std::string_view reason, Commands& out);
  void lose_connection(std::string_view reason, Commands& out);
  void answered_unasked(Commands& out);

  RecordConnection& owner;
  const Settings& settings;
  http::Origin origin;
  bool is_proxy;
  std::string address;  // set_address(); empty: the origin's host is no guess
  std::function<bool(const std::string&)> may_be;

  Phase phase = Phase::kSniffing;
  std::optional<http::RequestParser> requests;
  std::optional<http::ResponseParser> responses;
  Stamps stamps;
  Waiting from_client;
  Waiting from_server;
  std::string client_broken;  // why no more of its bytes are taken; else empty
  std::optional<std::pair<End, uint64_t>> server_end;
  std::deque<Open> open;  // in the order of the requests; the last one may be incomplete
  std::optional<Http2Recorder> http2;  // is told everything once that is what it speaks
};

// A connection begins, or begins anew inside a tunnel.
void RecordConnection::Impl::restart() {
  requests.emplace(settings.limits);
  responses.emplace(settings.limits);
  open.clear();
  stamps.reset();
}

void RecordConnection::Impl::step(PhaseStep step) {
  if (const auto to = next(phase, step)) phase = *to;
}

void RecordConnection::Impl::leave(std::string reason, Commands& out) {
  if (phase == Phase::kGone) return;
  // Behind a proxy it may have been about any host.
  const bool unread = phase == Phase::kSniffing || !client_broken.empty();
  if (open.empty() && unread && !is_proxy) lose_connection(reason, out);
  lose_open(reason, out);
  step(PhaseStep::kLeft);
  out.emplace_back(PassThrough{std::move(reason), false, {}});
  from_client.clear();
  from_server.clear();
}

void RecordConnection::Impl::pump(Commands& out) {
  bool progress = true;
  while (progress && phase != Phase::kGone) {
    if (phase == Phase::kSniffing) sniff_client(out);
    if (http2) return;
    progress = pump_client(out);
    progress = pump_server(out) || progress;
  }
  if (phase == Phase::kGone) return;
  // What was asked before is still answered.
  if (!client_broken.empty() && (open.empty() || !open.front().recorder.request_whole())) {
    leave(client_broken, out);
    return;
  }
  // A server that speaks first, or out of turn, does not speak HTTP; but a response may be
  // read before the write of its request has been seen.
  const bool early_settings = phase == Phase::kSniffing && may_be_settings(from_server.first(9));
  if (open.empty() && !from_server.empty() && !early_settings &&
      !may_be_response(from_server.first(8))) {
    leave(from_client.empty() && phase == Phase::kSniffing
              ? "the server spoke before the client"
              : "the server sent bytes that answer no request",
          out);
    return;
  }
  if (from_server.size() > kMaxWaitingBytes || from_client.size() > kMaxWaitingBytes) {
    leave("one direction is more than 64 MiB ahead of the other", out);
    return;
  }
  if (server_end && from_server.empty() && !open.empty()) server_ended(out);
}

void RecordConnection::Impl::sniff_client(Commands& out) {
  if (from_client.empty()) return;
  const auto protocol = look_at(from_client.first(kMaxFirstBytes));
  if (protocol == http::Protocol::kNeedMore) return;
  if (protocol == http::Protocol::kHttp1) {
    step(PhaseStep::kHttpSeen);
    if (origin.scheme.empty()) origin.scheme = "http";
  } else if (protocol == http::Protocol::kTls) {
    step(PhaseStep::kLeft);
    out.emplace_back(TlsSeen{from_client.first(from_client.size())});
    from_client.clear();
    from_server.clear();
  } else if (protocol == http::Protocol::kHttp2 && !is_proxy) {
    begin_http2(out);
  } else {
    leave(why_foreign(protocol), out);
  }
}

void RecordConnection::Impl::begin_http2(Commands& out) {
  step(PhaseStep::kHttpSeen);
  if (settings.on_http2) settings.on_http2();
  if (origin.scheme.empty()) origin.scheme = "http";
  http2.emplace(
      owner,
      [this](const http::RequestHead& head, http::Origin& target) {
        return decide_origin(head, target);
      },
      settings);
  for (; http2 && !from_client.empty(); from_client.take(from_client.front().size())) {
    follow_http2(http2->on_client_bytes(from_client.front(), from_client.front_us(), out), out);
  }
  for (; http2 && !from_server.empty(); from_server.take(from_server.front().size())) {
    follow_http2(http2->on_server_bytes(from_server.front(), from_server.front_us(), out), out);
  }
  if (http2 && server_end) end_http2(out);
}

void RecordConnection::Impl::end_http2(Commands& out) {
  http2->on_server_end(server_end->first, server_end->second, out);
  http2.reset();
  step(PhaseStep::kLeft);
}

// Gives up what can't be read.
void RecordConnection::Impl::follow_http2(Status done, Commands& out) {
  if (done.ok()) return;
  if (!http2->busy()) lose_connection(done.error().message, out);
  http2->lose_open(done.error().message, out);
  http2.reset();
  step(PhaseStep::kLeft);
  out.emplace_back(PassThrough{done.error().message, false, {}});
}

bool RecordConnection::Impl::pump_client(Commands& out) {
  bool progress = false;
  std::vector<http::Event> events;
  while (phase == Phase::kHttp && !from_client.empty()) {
    const auto bytes = from_client.front();
    const uint64_t now_us = from_client.front_us();
    events.clear();
    const auto taken = requests->feed(bytes, events);
    for (auto& event : events) {
      if (phase != Phase::kGone) on_request_event(event, now_us, out);
    }
    if (phase == Phase::kGone) return true;
    if (!taken.ok()) {
      client_broken = "the client's request can't be read: " + taken.error().message;
      from_client.clear();
      return true;
    }
    progress = progress || *taken > 0;
    // The head of a next request has begun.
    if (requests->mid_message() && (open.empty() || open.back().recorder.request_whole())) {
      stamps.first_byte(owner.stamp);
    }
    from_client.take(*taken);
    if (*taken == 0) break;
  }
  return progress;
}

// Where a request goes, and whether what becomes of it is recorded.
bool RecordConnection::Impl::decide_origin(const http::RequestHead& head,
                                           http::Origin& target) const {
  target = request_origin(origin, head);
  if (is_proxy) return is_configured(target);
  if (absolute_target_origin(head.target)) return target == origin || is_configured(target);
  if (address.empty()) return true;
  name_by_host_header(target, head, address, may_be);
  return is_configured(target, address);
}

void RecordConnection::Impl::on_request_head(http::RequestStarted& event, Commands& out) {
  if (open.size() >= kMaxOpenExchanges) {
    leave("more requests are pipelined than can be followed", out);
    return;
  }
  const bool connect = event.head.method == "CONNECT";
  http::Origin target;
  bool recorded = false;
  if (connect) {
    target = parse_authority(event.head.target, 0).value_or(http::Origin());
  } else {
    recorded = decide_origin(event.head, target);
  }
  const bool asks_switch = connect || event.upgrade;
  ExchangeRecorder recorder(std::move(event), std::move(target), recorded, settings);
  open.push_back({std::move(recorder), recorded, connect, asks_switch});
  stamps.take(owner.stamp, *open.back().recorder.exchange());
  if (open.size() == 1) expect_front();
}

void RecordConnection::Impl::on_request_event(http::Event& event, uint64_t now_us, Commands& out) {
  if (auto* started = std::get_if<http::RequestStarted>(&event)) {
    on_request_head(*started, out);
    return;
  }
  if (open.empty()) return;
  Open& last = open.back();
  if (const auto* data = std::get_if<http::BodyData>(&event)) {
    last.recorder.request_body(data->bytes);
  } else if (auto* end = std::get_if<http::MessageEnded>(&event)) {
    last.recorder.request_end(std::move(end->trailers), now_us);
    if (last.recorded && last.recorder.exchange() != nullptr && owner.sent) {
      owner.sent(*last.recorder.exchange());
    }
    if (last.asks_switch) {
      step(PhaseStep::kSwitchAsked);
      if (last.switch_answered) {
        step(PhaseStep::kSwitchDeclined);
        requests->resume(false);
      }
    }
    if (open.size() == 1) settle_front(out);
  }
}

void RecordConnection::Impl::expect_front() {
  if (!open.empty()) responses->expect(open.front().recorder.exchange()->request.method);
}

bool RecordConnection::Impl::pump_server(Commands& out) {
  bool progress = false;
  std::vector<http::Event> events;
  while ((phase == Phase::kHttp || phase == Phase::kHeld) && !from_server.empty() &&
         !open.empty() && !open.front().recorder.response_whole()) {
    // Pieces, so that the bytes kept for a response cut off in its framing stay few.
    const auto bytes = from_server.front().substr(0, kFeedBytes);
    const uint64_t now_us = from_server.front_us();
    events.clear();
    const auto taken = responses->feed(bytes, events);
    open.front().recorder.raw_response(bytes.substr(0, taken.ok() ? *taken : bytes.size()));
    if (taken.ok()) from_server.take(*taken);
    for (auto& event : events) {
      if (phase == Phase::kHttp || phase == Phase::kHeld) on_response_event(event, now_us, out);
    }
    if (phase == Phase::kGone) return true;
    if (!taken.ok()) {
      leave("the server's response can't be read: " + taken.error().message, out);
      return true;
    }
    if (*taken == 0) break;
    progress = true;
  }
  return progress;
}

void RecordConnection::Impl::on_response_event(http::Event& event, uint64_t now_us, Commands& out) {
  if (open.empty()) return;
  auto& recorder = open.front().recorder;
  if (recorder.response_whole()) return;
  if (auto* started = std::get_if<http::ResponseStarted>(&event)) {
    if (started->head.status == 101) {
      leave("the server switched protocols (101)", out);
    } else if (started->head.status < 200) {
      recorder.informational(std::move(started->head));
    } else {
      on_final_head(*started, now_us);
    }
  } else if (const auto* data = std::get_if<http::BodyData>(&event)) {
    recorder.response_body(data->bytes);
  } else if (auto* chunk = std::get_if<http::ChunkStarted>(&event)) {
    recorder.chunk_started(std::move(*chunk));
  } else if (std::holds_alternative<http::ChunkEnded>(event)) {
    recorder.chunk_ended(now_us);
  } else if (auto* end = std::get_if<http::MessageEnded>(&event)) {
    const bool tunnel = open.front().connect && recorder.exchange()->response.status / 100 == 2;
    if (!tunnel) {
      recorder.response_end(std::move(*end), now_us);
      settle_front(out);
      return;
    }
  } else if (std::holds_alternative<http::Switched>(event)) {
    open_tunnel(out);
    return;
  }
  if (phase != Phase::kGone && recorder.too_large()) {
    leave("a response's heads and chunk lines outgrow what can be kept", out);
  }
}

void RecordConnection::Impl::on_final_head(http::ResponseStarted& event, uint64_t now_us) {
  Open& front = open.front();
  const bool tunnel = front.connect && event.head.status / 100 == 2;
  front.recorder.response_head(std::move(event), now_us);
  if (!front.asks_switch || tunnel) return;
  front.switch_answered = true;
  if (phase == Phase::kHeld && front.recorder.request_whole()) {
    step(PhaseStep::kSwitchDeclined);
    requests->resume(false);
  }
}

void RecordConnection::Impl::open_tunnel(Commands& out) {
  const http::Origin target = open.front().recorder.exchange()->origin;
  if (!open.front().connect || target.port == 0) {
    leave("the server switched protocols", out);
    return;
  }
  if (!is_configured(target)) {
    leave("a tunnel to a host that is not configured", out);
    return;
  }
  step(PhaseStep::kTunnelOpened);
  lose_open("it was sent to a proxy that opened a tunnel", out);
  restart();
  origin = target;
  is_proxy = false;
  address.clear();
  out.emplace_back(Tunnel{target});
}

// The front exchange has moved on: saves it when it is over, and goes on to the next.
void RecordConnection::Impl::settle_front(Commands& out) {
  Open& front = open.front();
  const auto* exchange = front.recorder.exchange();
  if (front.recorder.turn() == Turn::kAnsweredEarly && exchange != nullptr) {
    // An incomplete request with a whole answer. A refusal stands as it is, and so does an
    // answer after which the server closes. For others the rest of the body is on its way,
    // and the request would be filed under a wrong key without it.
    if (exchange->response.status >= 400 || exchange->closed_after) save(front, out);
    return;
  }
  if (front.recorder.turn() != Turn::kDone) return;
  save(front, out);
  open.pop_front();
  expect_front();
}

void RecordConnection::Impl::save(Open& done, Commands& out) {
  auto exchange = done.recorder.take();
  if (!exchange || !done.recorded) return;
  if (exchange->request_body.broken() || exchange->response_body.broken()) {
    out.emplace_back(Unrecorded{std::move(exchange), "its body could not be kept"});
    return;
  }
  out.emplace_back(Save{std::move(exchange)});
}

// REQUIRES: all server bytes are taken, and a request is open.
void RecordConnection::Impl::server_ended(Commands& out) {
  const auto [end, now_us] = *server_end;
  auto& recorder = open.front().recorder;
  if (!recorder.response_whole() && end != End::kReset) {
    if (end == End::kRagged && recorder.response_begun()) recorder.ends_raggedly();
    std::vector<http::Event> events;
    // What finish() says is told by the state the events lead to.
    (void)responses->finish(events);
    for (auto& event : events) {
      if (phase != Phase::kGone) on_response_event(event, now_us, out);
    }
    if (phase == Phase::kGone || open.empty()) return;
  }
  Open& front = open.front();
  if (!front.recorder.response_whole()) {
    front.recorder.cut(end == End::kEof      ? http::Truncation::kEof
                       : end == End::kRagged ? http::Truncation::kRagged
                                             : http::Truncation::kReset,
                       now_us);
  }
  save(front, out);
  open.pop_front();
  lose_open("the server closed before it answered", out);
  step(PhaseStep::kLeft);
}

// The exchanges that are not over will not be.
void RecordConnection::Impl::lose_open(std::string_view reason, Commands& out) {
  for (Open& lost : open) {
    auto exchange = lost.recorder.take();
    if (exchange && lost.recorded) {
      out.emplace_back(Unrecorded{std::move(exchange), std::string(reason)});
    }
  }
  open.clear();
}

void RecordConnection::Impl::lose_connection(std::string_view reason, Commands& out) {
  auto nothing = std::make_unique<http::Exchange>();
  nothing->origin = origin;
  if (origin.scheme.empty()) nothing->origin.scheme = "http";
  stamps.take(owner.stamp, *nothing);
  out.emplace_back(Unrecorded{std::move(nothing), std::string(reason)});
}

// An answer alone: its request was written by another process, or past what is looked at. After
// a request it may be what a server says of its own accord (408).
void RecordConnection::Impl::answered_unasked(Commands& out) {
  if (phase != Phase::kSniffing || !open.empty() || from_server.empty() || is_proxy) return;
  if (may_be_settings(from_server.first(9))) return;
  lose_connection("an answer came to a request that was not seen", out);
}

RecordConnection::RecordConnection(http::Origin origin, bool is_proxy, const Settings& settings)
    : impl_(std::make_unique<Impl>(*this, std::move(origin), is_proxy, settings)) {}
RecordConnection::~RecordConnection() = default;

void RecordConnection::on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out) {
  if (impl_->phase == Phase::kGone || !impl_->client_broken.empty()) return;
  if (impl_->http2) {
    impl_->follow_http2(impl_->http2->on_client_bytes(bytes, now_us, out), out);
    return;
  }
  impl_->from_client.push(bytes, now_us);
  impl_->pump(out);
}

void RecordConnection::on_server_bytes(std::string_view bytes, uint64_t now_us, Commands& out) {
  if (impl_->phase == Phase::kGone || impl_->server_end) return;
  if (impl_->http2) {
    impl_->follow_http2(impl_->http2->on_server_bytes(bytes, now_us, out), out);
    return;
  }
  impl_->from_server.push(bytes, now_us);
  impl_->pump(out);
}

void RecordConnection::on_server_end(End end, uint64_t now_us, Commands& out) {
  if (impl_->phase == Phase::kGone || impl_->server_end) return;
  impl_->server_end.emplace(end, now_us);
  if (impl_->http2) return impl_->end_http2(out);
  impl_->pump(out);
}

void RecordConnection::on_client_end(uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.phase == Phase::kGone) return;
  if (impl.http2) {
    impl.http2->on_client_end(now_us, out);
    impl.http2.reset();
    impl.step(PhaseStep::kLeft);
    return;
  }
  impl.pump(out);
  if (impl.phase == Phase::kGone) return;
  if (!impl.open.empty() && impl.open.front().recorder.response_begun()) {
    Open& front = impl.open.front();
    if (!front.recorder.response_whole()) front.recorder.client_left(now_us);
    impl.save(front, out);
    impl.open.pop_front();
  }
  impl.answered_unasked(out);
  impl.lose_open("the program closed before an answer came", out);
  impl.step(PhaseStep::kLeft);
}

void RecordConnection::set_origin(http::Origin origin) {
  impl_->origin = std::move(origin);
}
void RecordConnection::set_address(std::string address,
                                   std::function<bool(const std::string&)> may_be) {
  impl_->address = std::move(address);
  impl_->may_be = std::move(may_be);
}
const http::Origin& RecordConnection::origin() const {
  return impl_->origin;
}
bool RecordConnection::busy() const {
  return !impl_->open.empty() || impl_->stamps.pending() || (impl_->http2 && impl_->http2->busy());
}

}  // namespace recshim::flow
