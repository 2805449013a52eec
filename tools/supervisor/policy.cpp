// See policy.h.
#include "tools/supervisor/policy.h"

#include <cerrno>

#include "shim/control/local_hosts.h"

namespace recshim::supervisor {

using control::Endpoint;
using control::Mode;

namespace {

constexpr uint16_t kDnsPort = 53;
constexpr uint16_t kDiscardPort = 9;

Decision refuse(std::string host, int error, std::string reason) {
  Decision decision;
  decision.verdict = Verdict::kRefuse;
  decision.host = std::move(host);
  decision.error = error;
  decision.reason = std::move(reason);
  return decision;
}

}  // namespace

Policy::Policy(const control::Config& config, bool sealed, std::vector<control::Proxy> proxies,
               std::function<std::optional<std::string>(uint32_t)> host_of)
    : config_(config),
      sealed_(sealed),
      proxies_(std::move(proxies)),
      host_of_(std::move(host_of)),
      hosts_(config, control::is_local_host) {}

bool Policy::answers() const {
  return config_.mode == Mode::kReplay || config_.mode == Mode::kRecordIfMissing;
}

bool Policy::is_proxy(const std::string& host, uint16_t port) const {
  for (const control::Proxy& proxy : proxies_) {
    if (proxy.host == host && (port == 0 || proxy.port == port)) return true;
  }
  return false;
}

Policy::Target Policy::target_of(const Endpoint& asked) const {
  Target target;
  const auto name = asked.is_synthetic() ? host_of_(asked.v4()) : std::nullopt;
  target.named = name.has_value();
  target.host = name.value_or(asked.text());
  target.configured = hosts_.configured(target.host, asked.port);
  if (!target.configured && asked.is_loopback() && !config_.hosts.empty() &&
      hosts_.configured("localhost", asked.port, asked.text())) {
    target.host = "localhost";
    target.configured = true;
  }
  target.proxy = !target.configured && is_proxy(target.host, asked.port);
  return target;
}

bool Policy::answers_lookup(const std::string& host) const {
  if (host.empty() || control::is_numeric_host(host)) return false;
  if (hosts_.connect_to(host, 0) != nullptr) return true;
  if (config_.mode == Mode::kLive) return false;
  return hosts_.configured(host, 0) || is_proxy(host, 0);
}

Decision Policy::stream(Reach reach, const Endpoint& asked,
                        const std::vector<control::Proxy>& proxies) const {
  Target target = target_of(asked);
  for (const control::Proxy& proxy : proxies) {
    const bool same =
        proxy.host == target.host || (proxy.host == "localhost" && asked.is_loopback());
    if (!target.configured && same && proxy.port == asked.port) target.proxy = true;
  }
  Decision decision;
  decision.host = target.host;
  decision.proxy = target.proxy;
  if (asked.is_synthetic() && !target.named) {
    return refuse(target.host, ENETUNREACH,
                  "a synthetic address that no lookup of this session gave");
  }
  const bool redirected = hosts_.connect_to(target.host, asked.port) != nullptr;
  if (config_.mode == Mode::kLive || !(target.configured || target.proxy)) {
    if (asked.is_synthetic() || (redirected && reach != Reach::kLibrary)) {
      decision.verdict = Verdict::kElsewhere;
    } else if (sealed_ && config_.mode != Mode::kLive && reach != Reach::kLibrary) {
      decision.verdict = Verdict::kWatch;
    }
    return decision;
  }
  // What the library itself opens: its own ends of replayed connections, and the real
  // connections of record.
  const bool library_opens = asked.is_loopback() || (!answers() && !asked.is_synthetic());
  if (reach == Reach::kLibrary && library_opens) return decision;
  if (sealed_ && reach == Reach::kLost) {
    return refuse(target.host, ENETUNREACH,
                  "it runs without librecshim.so, though it could carry it: LD_PRELOAD was removed "
                  "from its environment or is ignored for it");
  }
  decision.verdict = Verdict::kServe;
  return decision;
}

Decision Policy::datagram(Reach reach, const Endpoint& asked, bool sends) const {
  Decision decision;
  if (asked.port == kDnsPort) {
    if (reach != Reach::kLibrary) decision.verdict = Verdict::kLookup;
    return decision;
  }
  // Resolvers learn their own address by a connect(2) to one of these ports, and send nothing.
  if (!sends && (asked.port == 0 || asked.port == kDiscardPort)) return decision;
  const Target target = target_of(asked);
  decision.host = target.host;
  const bool configured =
      target.configured && !(config_.hosts.empty() && asked.port == 80) && answers();
  if (!asked.is_synthetic() && !configured) return decision;
  // Without a reason: a client of HTTP/3 goes on over TCP.
  return refuse(target.host, ECONNREFUSED, "");
}

Verdict Policy::afterwards(Reach reach, const Endpoint& asked) const {
  if (reach == Reach::kLibrary) return Verdict::kPass;
  const Verdict verdict = stream(reach, asked).verdict;
  const bool is_for_others = verdict == Verdict::kPass || verdict == Verdict::kWatch;
  if (!is_for_others) return Verdict::kRefuse;
  return sealed_ && answers() && !asked.is_loopback() ? Verdict::kRefuse : Verdict::kPass;
}

Decision Policy::unseen(const std::string& reason) const {
  if (!sealed_ && !answers()) return {};
  return refuse("an unknown destination", ENETUNREACH, reason);
}

}  // namespace recshim::supervisor
