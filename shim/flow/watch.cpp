// See watch.h.
#include "shim/flow/watch.h"

#include <algorithm>
#include <variant>

#include "shim/flow/client_hello.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/origin.h"
#include "shim/flow/socks.h"

namespace recshim::flow {
namespace {

constexpr uint16_t kHttpsPort = 443;

}  // namespace

Watch::Verdict Watch::feed(std::string_view bytes) {
  if (over()) return Verdict::kOther;
  earlier_ = begun_.size();
  begun_ += bytes;
  std::optional<Verdict> verdict;
  while (!verdict) {
    verdict = stage_ == Stage::kStart   ? look_at_start()
              : stage_ == Stage::kSocks ? look_at_socks()
                                        : look_at_http();
  }
  return *verdict;
}

std::optional<Watch::Verdict> Watch::look_at_start() {
  switch (look_at(begun_)) {
    case http::Protocol::kNeedMore:
      return begun_.empty() ? Verdict::kOther : Verdict::kUndecided;
    case http::Protocol::kTls:
      return look_at_hello();
    case http::Protocol::kHttp1: {
      http::Limits limits;
      limits.head_bytes = kMaxFirstBytes;
      parser_ = std::make_unique<http::RequestParser>(limits);
      parsed_ = 0;
      in_body_ = false;
      stage_ = Stage::kHttp;
      return std::nullopt;
    }
    case http::Protocol::kOther: {
      const auto state = read_socks(begun_, /*greeted=*/false).state;
      if (state == SocksMessage::State::kNeedMore) return Verdict::kUndecided;
      if (state == SocksMessage::State::kNone) break;
      greeted_ = false;
      stage_ = Stage::kSocks;
      return std::nullopt;
    }
    case http::Protocol::kHttp2:
      break;
  }
  return give_up();
}

std::optional<Watch::Verdict> Watch::look_at_socks() {
  if (begun_.empty()) return Verdict::kOther;
  SocksMessage message = read_socks(begun_, greeted_);
  if (message.state == SocksMessage::State::kNeedMore) return Verdict::kUndecided;
  if (message.state == SocksMessage::State::kNone) return give_up();
  greeted_ = true;
  drop(message.size_bytes);
  if (message.state == SocksMessage::State::kGreeting) return std::nullopt;
  if (message.target.port != 0) port_ = message.target.port;
  tunnel_ = true;
  const Verdict verdict = judge({std::move(message.target), true, false, true});
  stage_ = Stage::kStart;
  return verdict == Verdict::kNamed ? std::optional(verdict) : std::nullopt;
}

std::optional<Watch::Verdict> Watch::look_at_hello() {
  const ClientHello hello = read_client_hello(begun_);
  if (hello.state == ClientHello::State::kNeedMore && begun_.size() < kMaxFirstBytes) {
    return Verdict::kUndecided;
  }
  const Verdict verdict = judge({{"", hello.server_name, port_}, false, true});
  return verdict == Verdict::kNamed ? verdict : give_up();
}

std::optional<Watch::Verdict> Watch::look_at_http() {
  const std::string_view rest = std::string_view(begun_).substr(parsed_);
  if (rest.empty()) {
    return parser_->mid_message() && !in_body_ ? Verdict::kUndecided : Verdict::kOther;
  }
  std::vector<http::Event> events;
  const auto taken = parser_->feed_one(rest, events);
  for (const http::Event& event : events) {
    if (const auto* started = std::get_if<http::RequestStarted>(&event)) {
      in_body_ = true;
      const Named named = named_by(started->head);
      if (judge(named) == Verdict::kNamed) return Verdict::kNamed;
      if (started->head.method == "CONNECT" && named.by_proxy) {
        port_ = named.origin.port;
        tunnel_ = true;
      }
    } else if (std::holds_alternative<http::MessageEnded>(event)) {
      in_body_ = false;
    }
  }
  if (!taken.ok()) return give_up();
  parsed_ += *taken;
  if (*taken == 0) {  // held: after a CONNECT or an Upgrade anything may follow
    drop(parsed_);
    stage_ = Stage::kStart;
  } else if (in_body_ || !parser_->mid_message()) {
    drop(parsed_);
  }
  return std::nullopt;
}

Watch::Verdict Watch::judge(Named named) {
  if (named.origin.host.empty() || !is_configured_(named.origin, !named.by_proxy && !tunnel_)) {
    return Verdict::kOther;
  }
  named_ = std::move(named);
  stage_ = Stage::kOver;
  return Verdict::kNamed;
}

Watch::Verdict Watch::give_up() {
  drop(begun_.size());
  parser_.reset();
  stage_ = Stage::kOver;
  return Verdict::kOther;
}

void Watch::drop(size_t bytes) {
  begun_.erase(0, bytes);
  earlier_ -= std::min(earlier_, bytes);
  parsed_ = 0;
}

// Source: RFC 9112 §3.2.
Watch::Named Watch::named_by(const http::RequestHead& head) const {
  const auto target = head.method == "CONNECT" ? parse_authority(head.target, kHttpsPort)
                                               : absolute_target_origin(head.target);
  if (target) {
    Named named{*target, true, false};
    if (head.method == "CONNECT" && target->port == kHttpsPort) named.origin.scheme = "https";
    return named;
  }
  const auto host = host_header(head, port_);
  if (!host) return {};
  return {{"", host->host, port_}, false, false};
}

std::string why_refused(const Watch::Named& named) {
  if (named.socks) {
    return "the program asks a SOCKS proxy for it, which recshim can't stand in for; unset its "
           "proxy for the replay, or use an HTTP proxy";
  }
  return named.by_proxy
             ? "the program asks a proxy for it that no variable of its environment names; set "
               "https_proxy and http_proxy"
             : "the program went to its address without a lookup recshim could see; list that "
               "address in RECSHIM_HOSTS too, or use RECSHIM_CONNECT_TO";
}

}  // namespace recshim::flow
