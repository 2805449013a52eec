// record: the real server first, and then what it is like for the client.
#include <fmt/format.h>

#include "shim/base/log.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/origin.h"
#include "shim/http/codec.h"
#include "tools/gateway/connection.h"
#include "tools/gateway/relay.h"

namespace recshim::gateway {
namespace {

constexpr std::string_view kConnect = "CONNECT ";
constexpr size_t kMaxConnectBytes = size_t{64} << 10;
constexpr char kTlsHandshake = 0x16;   // RFC 8446 §5.1
constexpr int kClientSilenceMs = 300;  // then it may be waiting for its server

class Recorder {
 public:
  Recorder(const Shared& shared, const Party& party, ClientStream& client, Leads leads,
           std::string first)
      : shared_(shared),
        party_(party),
        client_(client),
        leads_(std::move(leads)),
        first_(std::move(first)) {}

  void run() {
    const bool may_be_any = leads_.origin.scheme.empty() && !leads_.proxy;
    const int patience_ms = flow::server_speaks_first(leads_.origin.port) ? 0 : kClientSilenceMs;
    if (may_be_any && first_.empty() && !await_client(patience_ms)) return serve_silent();
    if (!read_until(1)) return;
    if (leads_.proxy && !enter_tunnel()) return;
    if (leads_.origin.scheme.empty() && first_[0] == kTlsHandshake) {
      serve_tls();
      return;
    }
    if (leads_.origin.scheme.empty()) leads_.origin.scheme = "http";
    if (auto upstream = open()) relay_recorded(*upstream);
  }

 private:
  // Reads the client's first bytes. False: it has said nothing, not even that it ends.
  bool await_client(int timeout_ms) {
    for (;;) {
      if (client_.read(first_) != Stream::Io::kNothing) return true;
      Waiter waiter;
      waiter.for_bytes(client_);
      if (!waiter.wait(timeout_ms)) return false;
    }
  }

  // The client says nothing: perhaps its server speaks first.
  void serve_silent() {
    leads_.origin.scheme = "http";
    auto upstream = open();
    if (upstream == nullptr) return;
    Waiter waiter;
    waiter.for_bytes(client_);
    waiter.for_bytes(*upstream);
    waiter.wait(-1);
    if (is_end(client_.read(first_))) return;
    if (first_.empty() || first_[0] != kTlsHandshake) return relay_recorded(*upstream);
    // It was for us to say the first word of TLS.
    upstream.reset();
    leads_.origin.scheme.clear();
    serve_tls();
  }

  // False: the client has ended before.
  bool read_until(size_t bytes) {
    while (first_.size() < bytes) {
      const auto io = client_.read(first_);
      if (is_end(io)) return false;
      if (io == Stream::Io::kBytes) continue;
      Waiter waiter;
      waiter.for_bytes(client_);
      waiter.wait(-1);
    }
    return true;
  }

  // Answers a CONNECT in the proxy's place, for the tunnel's TLS is ours to take off: the
  // proxy is then reached by libcurl. False: the connection has been dealt with.
  bool enter_tunnel() {
    if (!read_until(1)) return false;
    while (first_.size() < kConnect.size() && kConnect.starts_with(first_)) {
      if (!read_until(first_.size() + 1)) return false;
    }
    if (!first_.starts_with(kConnect)) return true;
    http::RequestParser parser(shared_.flow.limits);
    std::vector<http::Event> events;
    size_t fed = 0;
    while (events.size() < 2) {  // its head and its end
      const auto taken = parser.feed(std::string_view(first_).substr(fed), events);
      if (!taken.ok() || first_.size() > kMaxConnectBytes) return pass_to_proxy();
      fed += *taken;
      if (events.size() < 2 && !read_until(first_.size() + 1)) return false;
    }
    const auto* started = std::get_if<http::RequestStarted>(events.data());
    const auto target =
        started != nullptr ? flow::parse_authority(started->head.target, 0) : std::nullopt;
    if (!target || !shared_.flow.is_configured(*target, "")) return pass_to_proxy();
    tunnel_ = proxy_url(leads_.origin);
    leads_ = {*target, "", false};
    first_.erase(0, fed);
    client_.send("HTTP/1.1 200 Connection Established\r\n\r\n");
    return read_until(1);
  }

  bool pass_to_proxy() {
    leads_.origin.scheme = "http";
    if (auto upstream = open()) relay(client_, *upstream, first_, nullptr, party_);
    return false;
  }

  // Null when there is none: the client has been told.
  std::unique_ptr<Upstream> open() {
    auto opened = try_open();
    if (auto* upstream = std::get_if<std::unique_ptr<Upstream>>(&opened)) {
      return std::move(*upstream);
    }
    tell(std::get<UpstreamProblem>(opened));
    client_.end(flow::End::kReset);
    return nullptr;
  }

  std::variant<std::unique_ptr<Upstream>, UpstreamProblem> try_open() {
    return Upstream::open(shared_.upstreams,
                          {leads_.origin, leads_.address, leads_.proxy, tunnel_, leads_.only_http2},
                          [this] { return client_.gone(); });
  }

  void tell(const UpstreamProblem& problem) {
    if (problem.kind == UpstreamProblem::Kind::kGivenUp) return;
    party_.refused(leads_.origin, problem.text);
  }

  void serve_tls() {
    const std::string name = learn_name(client_, first_, leads_);
    if (is_excluded(shared_, leads_)) {
      pass_by(shared_, party_, client_, leads_.address, leads_.origin.port, first_);
      return;
    }
    auto opened = try_open();
    const auto* problem = std::get_if<UpstreamProblem>(&opened);
    const bool untrusted = problem != nullptr && problem->kind == UpstreamProblem::Kind::kUntrusted;
    if (problem != nullptr) tell(*problem);
    const auto context = shared_.authority->server_context(name, untrusted);
    if ((problem != nullptr && !untrusted) || !context) {
      if (!context) party_.refused(leads_.origin, context.error().message);
      client_.end(flow::End::kReset);
      return;
    }
    // A server that knows no ALPN is none to those who insist on HTTP/2 either.
    const bool chooses_protocol = untrusted || !leads_.only_http2 ||
                                  std::get<std::unique_ptr<Upstream>>(opened)->speaks_http2();
    start_tls(shared_, party_, client_, *context, first_, leads_.origin.host, chooses_protocol);
    first_.clear();
    if (untrusted) {
      // It can't trust this certificate either, and ends the handshake as it would have.
      // If it goes on, nobody can tell what the server would have said.
      if (read_until(1)) client_.end(flow::End::kReset);
      return;
    }
    relay_recorded(*std::get<std::unique_ptr<Upstream>>(opened));
  }

  void relay_recorded(Upstream& upstream) {
    // By whatever name it was asked for.
    if (shared_.hosts->excluded(upstream.peer_address(), leads_.origin.port)) {
      return relay(client_, upstream, first_, nullptr, party_);
    }
    flow::RecordConnection record(leads_.origin, leads_.proxy, shared_.flow);
    record.stamp = [this] { return party_.stamp(); };
    record.sent = [this](http::Exchange& exchange) { party_.exchanges().sent(exchange); };
    const bool by_address = flow::is_numeric_host(leads_.origin.host);
    if (!leads_.proxy && (by_address || leads_.origin.scheme == "http")) {
      record.set_address(by_address ? leads_.origin.host : leads_.address, nullptr);
    }
    relay(client_, upstream, first_, &record, party_);
    if (!upstream.refusal().empty()) {
      party_.refused(leads_.origin, upstream.refusal());
    } else {
      tell_of_handshake(shared_, party_, client_, leads_.origin);
    }
  }

  const Shared& shared_;
  const Party& party_;
  ClientStream& client_;
  Leads leads_;
  std::string first_;   // bytes of the client that nobody has got yet
  std::string tunnel_;  // the proxy that it has asked for a tunnel
};

}  // namespace

void serve_recorded(const Shared& shared, const Party& party, ClientStream& client, Leads leads,
                    std::string first) {
  Recorder(shared, party, client, std::move(leads), std::move(first)).run();
}

}  // namespace recshim::gateway
