// replay and record-if-missing: a flow::ReplayConnection plays the server; what it misses is
// fetched in the latter.
#include <algorithm>
#include <climits>

#include "shim/base/log.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/origin.h"
#include "tools/gateway/connection.h"
#include "tools/gateway/fetcher.h"
#include "tools/gateway/relay.h"

namespace recshim::gateway {
namespace {

class RecordingsServer {
 public:
  RecordingsServer(const Shared& shared, const Party& party, ClientStream& client, Leads leads)
      : shared_(shared), party_(party), client_(client), leads_(std::move(leads)) {
    if (leads_.proxy) proxy_ = {"http", leads_.origin.host, leads_.origin.port};
    make_replay();
  }

  void run() {
    if (!proxy_ && leads_.origin.scheme.empty() && flow::server_speaks_first(leads_.origin.port)) {
      party_.refused(leads_.origin, flow::kServerSpeaksFirst);
      client_.end(flow::End::kReset);
      return;
    }
    while (!over_) {
      push();
      if (over_ || finish()) return;
      const bool held = client_.backed_up();
      std::string bytes;
      const auto io = client_over_ ? Stream::Io::kNothing : client_.read(bytes);
      if (io == Stream::Io::kBytes) {
        flow::Commands commands;
        replay_->on_client_bytes(bytes, monotonic_us(), commands);
        obey(std::move(commands));
      } else if (io == Stream::Io::kNothing) {
        // Reading may have sent what was held: more can follow, which nothing would wake us for.
        if (!held || client_.backed_up()) wait(!client_over_);
      } else {
        client_ended(io);
      }
    }
  }

 private:
  void make_replay() {
    replay_ = std::make_unique<flow::ReplayConnection>(leads_.origin, leads_.proxy, shared_.flow);
    replay_->stamp = [this] { return party_.stamp(); };
  }

  // What is due goes out, as far as the client has taken what went before.
  void push() {
    for (;;) {
      if (!client_.flush()) {
        over_ = true;
        return;
      }
      if (client_.backed_up()) return;
      if (!next_) next_ = replay_->next_segment();
      if (!next_) {
        const auto failure = replay_->take_failure();
        if (!failure.empty()) party_.refused(leads_.origin, failure);
        return;
      }
      if (next_->due_us > monotonic_us()) return;
      client_.send(next_->bytes);
      next_.reset();
    }
  }

  // All of it, whenever it was due.
  void push_all() {
    while (!over_ && (next_ || replay_->has_output())) {
      push();
      if (next_ || client_.backed_up()) wait(false);
      if (client_.gone()) over_ = true;
    }
  }

  bool finish() {
    if (next_ || replay_->has_output() || client_.backed_up()) return false;
    const auto end = replay_->end_after_output();
    if (!end) return false;
    client_.end(*end);
    return true;
  }

  void wait(bool for_bytes) {
    int timeout_ms = -1;
    if (next_ && !client_.backed_up()) {
      const uint64_t now_us = monotonic_us();
      const uint64_t left_us = next_->due_us > now_us ? next_->due_us - now_us : 0;
      timeout_ms = static_cast<int>(std::min<uint64_t>(left_us / 1000 + 1, INT_MAX));
    }
    Waiter waiter;
    if (for_bytes) waiter.for_bytes(client_);
    waiter.for_room(client_);
    waiter.wait(timeout_ms);
  }

  void client_ended(Stream::Io io) {
    if (tell_of_handshake(shared_, party_, client_, leads_.origin)) {
      over_ = true;
      return;
    }
    if (io == Stream::Io::kReset) {
      if (!client_.problem().empty()) log::warn("the client's TLS failed: {}", client_.problem());
      over_ = true;
      return;
    }
    client_over_ = true;
    flow::Commands commands;
    replay_->on_client_end(monotonic_us(), commands);
    obey(std::move(commands));
  }

  void obey(flow::Commands commands) {
    for (size_t i = 0; i < commands.size() && !over_; ++i) {
      flow::Commands more;
      std::visit([&](auto& command) { obey_one(command, more); }, commands[i]);
      for (auto& command : more) commands.push_back(std::move(command));
    }
  }

  // A replay saves nothing.
  void obey_one(flow::Save&, flow::Commands&) {}
  void obey_one(flow::Unrecorded&, flow::Commands&) {}

  void obey_one(flow::Find& command, flow::Commands& more) {
    auto& request = *command.request;
    const auto missing = party_.exchanges().answer(*replay_, request, more);
    if (!missing) return;
    if (shared_.config.mode != control::Mode::kRecordIfMissing) {
      party_.exchanges().miss(*replay_, request, *missing, more);
      return;
    }
    push_all();
    if (over_) return;
    if (!fetcher_) {
      const bool in_tunnel = proxy_ && !leads_.proxy;
      fetcher_.emplace(shared_, party_, client_, leads_.address,
                       in_tunnel ? proxy_url(*proxy_) : "");
    }
    const auto end = fetcher_->fetch(request, leads_.proxy ? proxy_ : std::nullopt);
    replay_->answered_elsewhere(end, monotonic_us(), more);
  }

  void obey_one(flow::FindEarly& command, flow::Commands& more) {
    party_.exchanges().answer_early(*replay_, *command.request, more);
  }

  void obey_one(flow::PassThrough& command, flow::Commands&) {
    over_ = true;
    // A host that is excluded, asked for by its address.
    if (command.may_go_live && !proxy_ && flow::is_numeric_host(leads_.origin.host)) {
      const auto& [scheme, address, port] = leads_.origin;
      pass_by(shared_, party_, client_, address, port, command.unsent);
      return;
    }
    if (!command.may_go_live || !proxy_) {
      party_.refused(leads_.origin, command.reason);
      client_.end(flow::End::kReset);
      return;
    }
    // The proxy's business, and not ours.
    auto opened = Upstream::open(shared_.upstreams, {*proxy_, "", true, ""},
                                 [this] { return client_.gone(); });
    if (auto* problem = std::get_if<UpstreamProblem>(&opened)) {
      log::warn("proxy: {}", problem->text);
      client_.end(flow::End::kReset);
      return;
    }
    relay(client_, *std::get<std::unique_ptr<Upstream>>(opened), command.unsent, nullptr, party_);
  }

  void obey_one(flow::TlsSeen& command, flow::Commands&) {
    push_all();
    std::string hello = std::move(command.unsent);
    const std::string name = learn_name(client_, hello, leads_);
    if (is_excluded(shared_, leads_)) {
      over_ = true;
      pass_by(shared_, party_, client_, leads_.address, leads_.origin.port, hello);
      return;
    }
    const auto context = shared_.authority->server_context(name);
    if (!context) {
      over_ = true;
      party_.refused(leads_.origin, context.error().message);
      client_.end(flow::End::kReset);
      return;
    }
    start_tls(shared_, party_, client_, *context, hello, leads_.origin.host);
    make_replay();
  }

  void obey_one(flow::Http2Seen& command, flow::Commands&) {
    push_all();
    over_ = true;
    if (leads_.origin.scheme.empty()) leads_.origin.scheme = "http";
    serve_http2(shared_, party_, client_, leads_, command.unsent);
  }

  void obey_one(flow::Tunnel& command, flow::Commands& more) {
    leads_.origin = command.origin;
    leads_.proxy = false;
    replay_->accept_tunnel(monotonic_us());
    // What the program sent ahead of the proxy's answer belongs into the tunnel.
    replay_->on_client_bytes("", monotonic_us(), more);
  }

  const Shared& shared_;
  const Party& party_;
  ClientStream& client_;
  Leads leads_;
  std::optional<http::Origin> proxy_;
  std::unique_ptr<flow::ReplayConnection> replay_;
  std::optional<Fetcher> fetcher_;
  std::optional<flow::Segment> next_;
  bool client_over_ = false;  // it sends no more
  bool over_ = false;
};

}  // namespace

void serve_recordings(const Shared& shared, const Party& party, ClientStream& client, Leads leads) {
  RecordingsServer(shared, party, client, std::move(leads)).run();
}

}  // namespace recshim::gateway
