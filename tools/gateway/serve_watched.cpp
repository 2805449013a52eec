// A connection to a host that is not configured, which goes there, until it asks for one that
// is.
#include <algorithm>

#include "shim/flow/watch.h"
#include "tools/gateway/connection.h"
#include "tools/gateway/socket_stream.h"

namespace recshim::gateway {
namespace {

// What can't be told yet is held back so long: its protocol may want an answer first.
constexpr uint64_t kPatienceUs = 200'000;

class WatchedRelay {
 public:
  WatchedRelay(const Shared& shared, const Party& party, int client_fd, int server_fd)
      : shared_(shared),
        party_(party),
        client_(client_fd),
        server_(server_fd),
        watch_(party.handover().port, [this](const http::Origin& origin, bool direct) {
          return shared_.flow.is_configured(origin, direct ? party_.handover().host : "");
        }) {}

  void run() {
    while (!over_) {
      bool moved = server_to_client();
      moved = client_to_server() || moved;
      if (over_) return;
      if (client_ended_ && server_ended_ && !client_.backed_up() && !server_.backed_up()) return;
      if (!moved) wait();
    }
  }

 private:
  bool server_to_client() {
    if (over_ || server_ended_ || client_.backed_up()) return false;
    std::string bytes;
    switch (server_.read(bytes)) {
      case Stream::Io::kNothing:
        return false;
      case Stream::Io::kBytes:
        client_.send(bytes);
        return true;
      case Stream::Io::kEof:
        server_ended_ = true;
        client_.end_sending();
        return true;
      default:
        reset_both();
        return true;
    }
  }

  bool client_to_server() {
    if (over_ || client_ended_ || server_.backed_up()) return false;
    std::string bytes;
    switch (client_.read(bytes)) {
      case Stream::Io::kNothing:
        return false;
      case Stream::Io::kBytes:
        look_at(bytes);
        return true;
      case Stream::Io::kEof:
        client_ended_ = true;
        pass_held();
        server_.end_sending();
        return true;
      default:
        reset_both();
        return true;
    }
  }

  void look_at(std::string_view bytes) {
    const auto verdict = watch_.feed(bytes);
    if (verdict == flow::Watch::Verdict::kNamed && found_named(bytes)) return;
    if (held_.empty()) held_until_us_ = monotonic_us() + kPatienceUs;
    held_ += bytes;
    if (verdict != flow::Watch::Verdict::kUndecided) pass_held();
  }

  void pass_held() {
    passed_ = passed_ || !held_.empty();
    server_.send(held_);
    held_.clear();
  }

  // False: it goes on as it is.
  bool found_named(std::string_view bytes) {
    const flow::Watch::Named& named = watch_.named();
    http::Origin origin = named.origin;
    if (origin.scheme.empty()) origin.scheme = named.tls ? "https" : "http";
    if (shared_.config.mode != control::Mode::kRecord) {
      party_.refused(origin, flow::why_refused(named));
      reset_both();
      return true;
    }
    if (named.socks) return false;  // what it leads to is looked at yet
    if (passed_) {
      party_.exchanges().unrecorded(origin, party_.stamp(),
                                    "its connection was begun for another host");
      return false;
    }
    over_ = true;
    held_ += bytes;
    server_.close();
    const auto& asked = party_.handover();
    Leads leads;
    leads.proxy = named.by_proxy;
    leads.origin = {"", named.by_proxy ? asked.host : named.origin.host, asked.port};
    if (!named.by_proxy) leads.address = asked.host;
    ClientStream client(client_.release(), -1);
    serve_recorded(shared_, party_, client, std::move(leads), std::move(held_));
    return true;
  }

  void reset_both() {
    over_ = true;
    flush_all(client_, 0);
    client_.reset();
    server_.reset();
  }

  void wait() {
    int timeout_ms = -1;
    if (!held_.empty()) {
      const uint64_t now_us = monotonic_us();
      if (now_us >= held_until_us_) return pass_held();
      timeout_ms = static_cast<int>((held_until_us_ - now_us) / 1000 + 1);
    }
    Waiter waiter;
    if (!client_ended_ && !server_.backed_up()) waiter.for_bytes(client_);
    if (!server_ended_ && !client_.backed_up()) waiter.for_bytes(server_);
    waiter.for_room(client_);
    waiter.for_room(server_);
    waiter.wait(timeout_ms);
    if (!client_.flush() || !server_.flush()) reset_both();
  }

  const Shared& shared_;
  const Party& party_;
  SocketStream client_;
  SocketStream server_;
  flow::Watch watch_;
  std::string held_;  // of the client, not sent yet
  uint64_t held_until_us_ = 0;
  bool passed_ = false;  // bytes of the client have been sent
  bool client_ended_ = false;
  bool server_ended_ = false;
  bool over_ = false;
};

}  // namespace

void serve_watched(const Shared& shared, const Party& party, int client_fd, int server_fd) {
  WatchedRelay(shared, party, client_fd, server_fd).run();
}

}  // namespace recshim::gateway
