// See fetcher.h.
#include "tools/gateway/fetcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "shim/base/log.h"
#include "shim/flow/request_wire.h"
#include "shim/http/upgrade.h"
#include "tools/gateway/relay.h"

namespace recshim::gateway {
namespace {

constexpr uint64_t kRestTimeoutUs = 5'000'000;  // after the client's end
constexpr int kSilenceMs = 2'000;               // of the server, when the client sends no more
constexpr int kClientTimeoutMs = 600'000;       // for a client that does not read

// Source: RFC 9110 §9.2.2.
bool is_idempotent(std::string_view method) {
  constexpr std::array<std::string_view, 6> kMethods = {"GET",   "HEAD", "OPTIONS",
                                                        "TRACE", "PUT",  "DELETE"};
  return std::find(kMethods.begin(), kMethods.end(), method) != kMethods.end();
}

}  // namespace

// One request on its way to the server and its answer on the way back.
class Fetcher::Course {
 public:
  // fresh: the connection has carried nothing before.
  Course(const Shared& shared, const Party& party, ClientStream& client, Upstream& upstream,
         const http::Exchange& request, bool fresh)
      : party_(party),
        client_(client),
        upstream_(upstream),
        request_(request),
        fresh_(fresh),
        record_(request.origin, false, shared.flow) {
    record_.sent = [&party](http::Exchange& exchange) { party.exchanges().sent(exchange); };
    record_.stamp = [&request, stamp = party.stamp()]() mutable {
      stamp.test_id = request.test_id;
      stamp.phase = request.test_phase;
      stamp.wall_us = request.started_wall_us;
      return stamp;
    };
  }

  void run() {
    const Status written =
        flow::write_request(request_, [this](std::string_view bytes) { return send(bytes); });
    if (!written.ok()) {
      party_.refused(request_.origin, written.error().message);
      end_ = flow::End::kReset;
      return;
    }
    while (!over()) step();
    if (client_gone_) finish_alone();
    // Bytes behind the answer belong to no request: nothing more can be asked here.
    if (!end_ && (recorded_.closes || recorded_.gave_up)) end_ = flow::End::kEof;
  }

  // Nothing came back: a server may have closed a connection it had kept open.
  [[nodiscard]] bool unanswered() const { return end_ && !anything_came_; }
  [[nodiscard]] bool client_left() const { return client_gone_ || client_.gone(); }
  [[nodiscard]] std::optional<flow::End> end() const { return end_; }

 private:
  bool send(std::string_view bytes) {
    flow::Commands commands;
    record_.on_client_bytes(bytes, monotonic_us(), commands);
    obey(commands);
    upstream_.send(bytes);
    // An answer may come before all is sent, and must be read for the rest to be taken.
    while (upstream_.backed_up() && !end_ && !client_gone_) step();
    return !end_ && !client_gone_;
  }

  // Reads what the server has sent, or waits for something to happen.
  void step() {
    std::string bytes;
    const auto io = upstream_.read(bytes);
    if (io != Stream::Io::kNothing) return take(io, bytes);
    Waiter waiter;
    waiter.for_bytes(upstream_);
    waiter.for_room(upstream_);
    const bool client_ended = client_.ended();
    if (client_ended && client_end_us_ == 0) client_end_us_ = monotonic_us();
    if (!client_ended) waiter.for_end(client_);
    // Closed or half closed can't be told apart: who waits for an answer is given a while.
    const bool in_time = waiter.wait(client_ended ? kSilenceMs : -1);
    upstream_.flush();  // what it meets is told by its read()
    client_gone_ = client_gone_ || client_.gone() || !in_time;
  }

  // The recording is in place before the client has the response's last byte.
  void take(Stream::Io io, const std::string& bytes) {
    flow::Commands commands;
    if (io == Stream::Io::kBytes) {
      anything_came_ = true;
      if (!recorded_.gave_up) record_.on_server_bytes(bytes, monotonic_us(), commands);
    } else {
      end_ = end_of(io);
      if (!recorded_.gave_up && (anything_came_ || fresh_) && upstream_.refusal().empty()) {
        record_.on_server_end(*end_, monotonic_us(), commands);
      }
    }
    obey(commands);
    // A switch to another protocol: what would follow can't be recorded.
    if (recorded_.gave_up && !http::asked_switch(request_.request).empty()) {
      end_ = flow::End::kReset;
      return;
    }
    client_.send(bytes);
    if (client_.backed_up() && !flush_all(client_, kClientTimeoutMs)) client_gone_ = true;
    client_gone_ = client_gone_ || !client_.flush();
  }

  void obey(flow::Commands& commands) {
    const Recorded now = carry_out(commands, party_);
    recorded_.gave_up = recorded_.gave_up || now.gave_up;
    if (now.saved) recorded_ = {true, now.closes, recorded_.gave_up};
  }

  [[nodiscard]] bool over() const {
    return end_ || client_gone_ || recorded_.saved ||
           (!recorded_.gave_up && anything_came_ && !record_.busy());
  }

  // What was begun is read to its end where that is near: what was cut off by its client
  // would be fetched again at every run, or cut off every client to come.
  void finish_alone() {
    const uint64_t until_us =
        (client_end_us_ != 0 ? client_end_us_ : monotonic_us()) + kRestTimeoutUs;
    while (!end_ && record_.busy() && !recorded_.gave_up && monotonic_us() < until_us) {
      std::string bytes;
      const auto io = upstream_.read(bytes);
      if (io == Stream::Io::kNothing) {
        Waiter waiter;
        waiter.for_bytes(upstream_);
        waiter.wait(static_cast<int>((until_us - std::min(until_us, monotonic_us())) / 1000 + 1));
      } else {
        take(io, bytes);
      }
    }
    if (!end_ && !recorded_.gave_up) {
      flow::Commands commands;
      record_.on_client_end(monotonic_us(), commands);
      obey(commands);
    }
    end_ = flow::End::kReset;
  }

  const Party& party_;
  ClientStream& client_;
  Upstream& upstream_;
  const http::Exchange& request_;
  const bool fresh_;
  flow::RecordConnection record_;
  Recorded recorded_;
  std::optional<flow::End> end_;
  bool anything_came_ = false;
  bool client_gone_ = false;
  uint64_t client_end_us_ = 0;  // when it was noticed; 0: not yet
};

bool Fetcher::open(const http::Origin& server, const http::Exchange& request, bool through_proxy) {
  upstream_.reset();
  auto opened = Upstream::open(
      shared_.upstreams, {server, through_proxy ? std::string() : address_, through_proxy, tunnel_},
      [this] { return client_.gone(); });
  if (auto* problem = std::get_if<UpstreamProblem>(&opened)) {
    if (problem->kind != UpstreamProblem::Kind::kGivenUp) {
      party_.refused(request.origin,
                     fmt::format("{} has no recording, and it could not be fetched: {}",
                                 party_.name_of(request), problem->text));
    }
    return false;
  }
  upstream_ = std::move(std::get<std::unique_ptr<Upstream>>(opened));
  if (shared_.hosts->excluded(upstream_->peer_address(), server.port)) {
    party_.refused(request.origin,
                   fmt::format("{} has no recording and is not fetched: RECSHIM_HOSTS excludes its "
                               "address {}; exclude its name, too",
                               party_.name_of(request), upstream_->peer_address()));
    upstream_.reset();
    return false;
  }
  server_ = server;
  return true;
}

std::optional<flow::End> Fetcher::fetch(const http::Exchange& request,
                                        const std::optional<http::Origin>& proxy) {
  const http::Origin server = proxy.value_or(request.origin);
  for (;;) {
    // A kept connection has nothing to say between two requests but that it is over.
    std::string unasked;
    const bool reused =
        upstream_ && server_ == server && upstream_->read(unasked) == Stream::Io::kNothing;
    if (!reused && !open(server, request, proxy.has_value())) return flow::End::kReset;
    Course course(shared_, party_, client_, *upstream_, request, !reused);
    course.run();
    const std::string refusal = upstream_->refusal();
    if (course.end()) upstream_.reset();
    const bool lost_race = course.unanswered() && reused && !course.client_left();
    if (lost_race && is_idempotent(request.request.method)) continue;
    // What may have been done already is not asked for twice: the program has lost its connection
    // to the server and knows best, as without us.
    if (lost_race) return course.end();
    if (course.unanswered() && !course.client_left()) {
      party_.refused(
          request.origin,
          fmt::format(
              "{} was fetched, but {}", party_.name_of(request),
              refusal.empty() ? "the server closed the connection without an answer" : refusal));
    }
    return course.end();
  }
}

}  // namespace recshim::gateway
