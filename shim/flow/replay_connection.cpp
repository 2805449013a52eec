// ReplayConnection: plays the server's part. Owns the request parser, the request that is
// being served and the responses on their way out; how a response looks is render.h's.
#include <algorithm>
#include <deque>
#include <iterator>

#include "shim/flow/connection.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/miss.h"
#include "shim/flow/origin.h"
#include "shim/flow/render.h"
#include "shim/flow/request_wire.h"
#include "shim/flow/stamps.h"
#include "shim/flow/state.h"
#include "shim/http/upgrade.h"

namespace recshim::flow {
struct ReplayConnection::Impl {
  Impl(ReplayConnection& owner_, http::Origin origin_, bool is_proxy_, const Settings& settings_)
      : owner(owner_), settings(settings_), origin(std::move(origin_)), is_proxy(is_proxy_) {
    parser.emplace(settings.limits);
  }

  void step(PhaseStep step);
  bool serve(ServingStep step);
  void leave(std::string reason, Commands& out);
  void leave_to_real_server(std::string reason, Commands& out);
  [[nodiscard]] bool is_configured(const http::Origin& target, const std::string& at = "") const {
    return settings.is_configured && settings.is_configured(target, at);
  }

  void pump(uint64_t now_us, Commands& out);
  [[nodiscard]] bool blocked() const;
  void sniff_client(Commands& out);
  void feed_parser();
  void on_event(http::Event& event, uint64_t now_us, Commands& out);
  void on_request_head(http::RequestStarted& event, Commands& out);
  void on_request_body(const std::string& bytes, uint64_t now_us);
  void on_request_end(http::MessageEnded& event, uint64_t now_us, Commands& out);

  void answer(http::Exchange recording);
  void release_early(bool request_ended, uint64_t now_us);
  void end_with(End how);
  void check_failure();

  ReplayConnection& owner;
  const Settings& settings;
  http::Origin origin;
  bool is_proxy;
  std::string address;  // set_address(); empty: the origin's host is no guess
  std::function<bool(const std::string&)> may_be;

  Phase phase = Phase::kSniffing;
  Serving serving = Serving::kIdle;
  std::optional<http::RequestParser> parser;
  Stamps stamps;
  std::string unfed;                  // client bytes the parser has not taken
  std::deque<http::Event> events;     // parsed, not yet acted on
  std::optional<std::string> broken;  // the parser's error, due after these events
  // All bytes so far, until the first request's head has shown that it is ours.
  std::string unsent;
  bool undecided = true;
  std::optional<http::Origin> tunnel_target;

  // The request that is being served.
  std::unique_ptr<http::Exchange> request;
  bool head_only = false;
  bool asks_switch = false;
  bool wants_close = false;
  bool sent_continue = false;
  bool expects_continue = false;
  uint64_t body_seen_bytes = 0;
  uint64_t request_end_us = 0;
  std::optional<http::Exchange> early;  // waits until enough of the body has come

  std::deque<Renderer> output;
  std::optional<End> end;
  std::string failure;  // take_failure()
};

void ReplayConnection::Impl::step(PhaseStep step) {
  if (const auto to = next(phase, step)) phase = *to;
}

// False when the driver answers what was not asked.
bool ReplayConnection::Impl::serve(ServingStep step) {
  const auto to = next(serving, step);
  if (to) serving = *to;
  return to.has_value();
}

void ReplayConnection::Impl::leave(std::string reason, Commands& out) {
  if (phase == Phase::kGone) return;
  step(PhaseStep::kLeft);
  out.emplace_back(PassThrough{std::move(reason), false, {}});
  events.clear();
  unfed.clear();
  unsent.clear();
  request.reset();
  early.reset();
}

// Only while nothing has been answered: a connection can't change servers later.
void ReplayConnection::Impl::leave_to_real_server(std::string reason, Commands& out) {
  const bool may_go_live = undecided && origin.scheme != "https";  // its TLS is not the server's
  std::string bytes = std::move(unsent);
  leave(std::move(reason), out);
  if (!may_go_live) return;
  auto& command = std::get<PassThrough>(out.back());
  command.may_go_live = true;
  command.unsent = std::move(bytes);
}

bool ReplayConnection::Impl::blocked() const {
  return phase != Phase::kHttp || serving == Serving::kAskedEarly || serving == Serving::kAsked ||
         end.has_value();
}

void ReplayConnection::Impl::pump(uint64_t now_us, Commands& out) {
  if (phase == Phase::kSniffing && !end) sniff_client(out);
  while (!blocked()) {
    if (events.empty()) {
      if (broken) {
        leave("the client's request can't be read: " + *broken, out);
        return;
      }
      feed_parser();
      if (events.empty() && !broken) break;
      continue;
    }
    http::Event event = std::move(events.front());
    events.pop_front();
    on_event(event, now_us, out);
  }
  if (end || phase == Phase::kGone) {
    // Nothing that comes now is answered.
    events.clear();
    unfed.clear();
  }
}

void ReplayConnection::Impl::sniff_client(Commands& out) {
  if (unfed.empty()) return;
  const auto protocol = look_at(unfed);
  if (protocol == http::Protocol::kNeedMore) return;
  if (protocol == http::Protocol::kHttp1) {
    step(PhaseStep::kHttpSeen);
    if (origin.scheme.empty()) origin.scheme = "http";
  } else if (protocol == http::Protocol::kTls) {
    step(PhaseStep::kLeft);
    out.emplace_back(TlsSeen{std::move(unfed)});
    unfed.clear();
  } else if (protocol == http::Protocol::kHttp2 && !is_proxy) {
    step(PhaseStep::kLeft);
    if (settings.on_http2) settings.on_http2();
    out.emplace_back(Http2Seen{std::move(unfed)});
    unfed.clear();
  } else {
    leave(why_foreign(protocol), out);
  }
}

void ReplayConnection::Impl::feed_parser() {
  if (unfed.empty()) return;
  std::vector<http::Event> parsed;
  // One message at a time: what follows it may have to be surrendered as it came.
  const auto taken = parser->feed_one(unfed, parsed);
  std::move(parsed.begin(), parsed.end(), std::back_inserter(events));
  if (taken.ok()) {
    unfed.erase(0, *taken);
    if (events.empty() && serving == Serving::kIdle && parser->mid_message()) {
      stamps.first_byte(owner.stamp);
    }
  } else {
    unfed.clear();
    broken = taken.error().message;
  }
}

void ReplayConnection::Impl::on_event(http::Event& event, uint64_t now_us, Commands& out) {
  if (auto* started = std::get_if<http::RequestStarted>(&event)) {
    on_request_head(*started, out);
  } else if (const auto* data = std::get_if<http::BodyData>(&event)) {
    on_request_body(data->bytes, now_us);
  } else if (auto* ended = std::get_if<http::MessageEnded>(&event)) {
    on_request_end(*ended, now_us, out);
  }
}

void ReplayConnection::Impl::on_request_head(http::RequestStarted& event, Commands& out) {
  http::RequestHead& head = event.head;
  if (head.method == "CONNECT") {
    const auto target = parse_authority(head.target, 0);
    if (!target) {
      leave("a CONNECT whose target is no host and port", out);
    } else if (!is_configured(*target)) {
      leave_to_real_server("a tunnel to " + head.target + ", which is not configured", out);
    } else {
      step(PhaseStep::kSwitchAsked);
      tunnel_target = target;
      out.emplace_back(Tunnel{*target});
    }
    return;
  }
  http::Origin target = request_origin(origin, head);
  const bool absolute = absolute_target_origin(head.target).has_value();
  if (!is_proxy && !absolute) name_by_host_header(target, head, address, may_be);
  // Asked by address, it may yet be a host that is excluded by name.
  const bool named_late = !is_proxy && !absolute && target.host != origin.host;
  const bool foreign = is_proxy || (absolute && target != origin) || named_late;
  if (foreign && !is_configured(target, named_late ? origin.host : "")) {
    leave_to_real_server("a request for " + http::origin_url(target) + ", which is not configured",
                         out);
    return;
  }
  undecided = false;
  unsent = std::string();

  head_only = head.method == "HEAD";
  asks_switch = !http::asked_switch(head).empty();
  wants_close = asks_to_close(head);
  expects_continue = event.expects_continue && head.version != "1.0";
  sent_continue = false;
  body_seen_bytes = 0;
  request = std::make_unique<http::Exchange>();
  request->origin = target;
  request->request = std::move(head);
  request->request_complete = false;
  request->request_body.set_spill(settings.env, settings.spill_dir);
  stamps.take(owner.stamp, *request);

  const bool has_body = event.framing == http::Framing::kChunked ||
                        (event.framing == http::Framing::kLength && event.length_bytes > 0);
  (void)serve(has_body ? ServingStep::kHeadWithBody : ServingStep::kHead);
  if (has_body) out.emplace_back(FindEarly{request.get()});
}

void ReplayConnection::Impl::on_request_body(const std::string& bytes, uint64_t now_us) {
  body_seen_bytes += bytes.size();
  if (serving == Serving::kSwallowing) {
    release_early(false, now_us);
  } else if (request) {
    // A failure leaves the body broken(), which on_request_end() looks at.
    (void)request->request_body.append(bytes);
  }
}

void ReplayConnection::Impl::on_request_end(http::MessageEnded& event, uint64_t now_us,
                                            Commands& out) {
  request_end_us = now_us;
  // The codec holds an Upgrade's connection until told how it was answered: declined, for
  // what is answered from a recording is HTTP.
  if (request && http::find_header(request->request.headers, "Upgrade")) parser->resume(false);
  if (serving == Serving::kSwallowing) {
    release_early(true, now_us);
    (void)serve(ServingStep::kRequestEnd);
    request.reset();
    return;
  }
  if (!request || !serve(ServingStep::kRequestEnd)) return;
  if (request->request_body.broken()) {
    leave("the request's body could not be kept, so it can't be looked up", out);
    return;
  }
  request->request_trailers = std::move(event.trailers);
  request->request_complete = true;
  out.emplace_back(Find{std::move(request)});
}

void ReplayConnection::Impl::answer(http::Exchange recording) {
  RenderOptions options;
  options.head_only = head_only;
  options.skip_continue = sent_continue;
  options.request_end_us = request_end_us;
  options.pace = settings.pace;
  output.emplace_back(std::move(recording), options);
  if (const auto how = output.back().end()) {
    end_with(*how);
  } else if (wants_close) {
    end_with(End::kEof);
  }
  check_failure();
}

void ReplayConnection::Impl::release_early(bool request_ended, uint64_t now_us) {
  if (!early) return;
  if (!request_ended && body_seen_bytes < early->early_after_body_bytes.value_or(0)) return;
  request_end_us = now_us;
  answer(std::move(*early));
  early.reset();
}

void ReplayConnection::Impl::end_with(End how) {
  if (!end) end = how;
}

// Drops what is finished, and turns a recording that can't be read into a reset.
void ReplayConnection::Impl::check_failure() {
  while (!output.empty() && output.front().done()) {
    if (!output.front().failure().empty()) {
      failure = "a recorded body can't be read: " + output.front().failure();
      end = End::kReset;
      output.clear();
      return;
    }
    output.pop_front();
  }
}

ReplayConnection::ReplayConnection(http::Origin origin, bool is_proxy, const Settings& settings)
    : impl_(std::make_unique<Impl>(*this, std::move(origin), is_proxy, settings)) {}
ReplayConnection::~ReplayConnection() = default;

void ReplayConnection::on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.phase == Phase::kGone || impl.end) return;
  impl.unfed += bytes;
  if (impl.undecided) impl.unsent += bytes;
  impl.pump(now_us, out);
}

void ReplayConnection::on_client_end(uint64_t, Commands&) {
  auto& impl = *impl_;
  // A server closes once it has answered what came before (RFC 9112 §9.6).
  impl.end_with(End::kEof);
  impl.early.reset();
  impl.request.reset();
}

void ReplayConnection::set_address(std::string address,
                                   std::function<bool(const std::string&)> may_be) {
  impl_->address = std::move(address);
  impl_->may_be = std::move(may_be);
}
void ReplayConnection::set_origin(http::Origin origin) {
  impl_->origin = std::move(origin);
}
const http::Origin& ReplayConnection::origin() const {
  return impl_->origin;
}

void ReplayConnection::deliver(http::Exchange recording, uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.end || !impl.serve(ServingStep::kAnswered)) return;
  if (impl.serving == Serving::kSwallowing) {
    impl.early = std::move(recording);
    impl.release_early(false, now_us);
  } else {
    impl.answer(std::move(recording));
  }
  impl.pump(now_us, out);
}

void ReplayConnection::deliver_miss(std::string_view key, std::string_view diagnosis,
                                    uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.end || !impl.serve(ServingStep::kAnswered)) return;
  // Who asks for another protocol can't be given what it wants.
  if (impl.settings.respond_on_miss && !impl.asks_switch) {
    impl.output.emplace_back(render_miss(key, diagnosis, impl.head_only, impl.wants_close));
    if (impl.wants_close) impl.end_with(End::kEof);
  } else {
    impl.end_with(End::kReset);
  }
  impl.pump(now_us, out);
}

void ReplayConnection::answered_elsewhere(std::optional<End> end, uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.end || !impl.serve(ServingStep::kAnswered)) return;
  if (end) {
    impl.end_with(*end);
  } else if (impl.wants_close) {
    impl.end_with(End::kEof);
  }
  impl.pump(now_us, out);
}

Status ReplayConnection::surrender(const http::Exchange& asked, const Sink& to_client,
                                   const Sink& from_client) {
  auto& impl = *impl_;
  bool wanted = true;
  while (wanted) {
    const auto segment = next_segment();
    if (!segment) break;
    wanted = to_client(segment->bytes);
  }
  if (std::string failure = take_failure(); !failure.empty()) {
    return Error{ErrorCode::kIo, std::move(failure)};
  }
  if (Status written = write_request(asked, from_client); !written.ok()) return written;
  if (!impl.unfed.empty()) from_client(impl.unfed);
  impl.step(PhaseStep::kLeft);
  impl.unfed.clear();
  impl.events.clear();
  return {};
}

void ReplayConnection::continue_body(uint64_t now_us, Commands& out) {
  auto& impl = *impl_;
  if (impl.end || !impl.serve(ServingStep::kContinued)) return;
  // Not once the body is on its way: the client has not waited (RFC 9110 §10.1.1).
  if (impl.expects_continue && impl.events.empty() && impl.unfed.empty()) {
    impl.output.emplace_back(std::string("HTTP/1.1 100 Continue\r\n\r\n"));
    impl.sent_continue = true;
  }
  impl.pump(now_us, out);
}

void ReplayConnection::accept_tunnel(uint64_t) {
  auto& impl = *impl_;
  if (impl.phase != Phase::kHeld || !impl.tunnel_target) return;
  impl.step(PhaseStep::kTunnelOpened);
  impl.output.emplace_back(std::string("HTTP/1.1 200 Connection Established\r\n\r\n"));
  impl.origin = std::move(*impl.tunnel_target);
  impl.tunnel_target.reset();
  impl.is_proxy = false;
  impl.parser.emplace(impl.settings.limits);
  impl.stamps.reset();
  impl.events.clear();
  impl.undecided = false;
  impl.unsent = std::string();
}

std::optional<Segment> ReplayConnection::next_segment() {
  auto& impl = *impl_;
  if (impl.output.empty()) return std::nullopt;
  auto segment = impl.output.front().next();
  impl.check_failure();
  return segment;
}

std::string ReplayConnection::take_failure() {
  return std::exchange(impl_->failure, {});
}

bool ReplayConnection::has_output() const {
  return !impl_->output.empty();
}
std::optional<End> ReplayConnection::end_after_output() const {
  return impl_->end;
}

}  // namespace recshim::flow
