// See policy.h.
#include "tools/supervisor/policy.h"

#include <algorithm>
#include <cerrno>

#include "shim/control/local_hosts.h"

namespace recshim::supervisor {

using control::Endpoint;
using control::Mode;

namespace {

constexpr uint16_t kDnsPort = 53;
constexpr uint16_t kDiscardPort = 9;
constexpr uint16_t kHttpPort = 80;

Decision refuse(std::string host, int error, std::string reason) {
  Decision decision;
  decision.verdict = Verdict::kRefuse;
  decision.host = std::move(host);
  decision.error = error;
  decision.reason = std::move(reason);
  return decision;
}

}  // namespace

Policy::Policy(const control::Config& config, Guard guard, std::vector<control::Proxy> proxies,
               Names names)
    : config_(config),
      guard_(guard),
      proxies_(std::move(proxies)),
      names_(std::move(names)),
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
  const auto name = asked.is_synthetic() ? names_.of_synthetic(asked.v4()) : std::nullopt;
  target.named = name.has_value();
  target.host = name.value_or(asked.text());
  target.configured = hosts_.configured(target.host, asked.port);
  if (!target.configured && asked.is_loopback() && !config_.hosts.empty() &&
      hosts_.configured("localhost", asked.port, asked.text())) {
    target.host = "localhost";
    target.configured = true;
  }
  if (!target.configured && !asked.is_synthetic()) {
    const auto names = names_.of_real(asked);
    const auto is_configured = [&](const std::string& host) {
      return hosts_.configured(host, asked.port, asked.text());
    };
    const auto first = std::find_if(names.begin(), names.end(), is_configured);
    if (first != names.end()) {
      target.configured = std::all_of(names.begin(), names.end(), is_configured);
      target.shared = !target.configured;
      if (target.configured) target.host = *first;
    }
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
                        const std::vector<control::Proxy>& proxies, bool trusts) const {
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
    if (asked.is_synthetic() || redirected) {
      decision.verdict = Verdict::kElsewhere;
    } else if ((guard_ != Guard::kOpen || target.shared) && config_.mode != Mode::kLive) {
      decision.verdict = Verdict::kWatch;
    }
    return decision;
  }
  if (guard_ == Guard::kSealed && reach == Reach::kLost) {
    return refuse(target.host, ENETUNREACH,
                  "it runs without librecshim.so, though it could carry it: LD_PRELOAD was removed "
                  "from its environment or is ignored for it");
  }
  // Record breaks no program: this one would not believe the gateway.
  if (!answers() && !trusts && reach != Reach::kLibrary && asked.port != kHttpPort) {
    decision.verdict =
        asked.is_synthetic() || redirected ? Verdict::kElsewhere : Verdict::kUnrecorded;
    decision.reason =
        "it was started without the environment of recshim run, LD_PRELOAD and SSL_CERT_FILE, or "
        "ignores it, so that nobody can read its TLS; hand the environment on to it";
    return decision;
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
  const Verdict verdict = stream(reach, asked).verdict;
  const bool is_for_others = verdict == Verdict::kPass || verdict == Verdict::kWatch;
  if (!is_for_others) return Verdict::kRefuse;
  // Beside the library, what goes past it is libc's own business.
  if (reach == Reach::kLibrary) return Verdict::kPass;
  return guard_ == Guard::kSealed && answers() && !asked.is_loopback() ? Verdict::kRefuse
                                                                       : Verdict::kPass;
}

Decision Policy::unseen(const std::string& reason) const {
  if (guard_ != Guard::kSealed && !answers()) {
    Decision decision;
    if (config_.mode != Mode::kLive) decision.verdict = Verdict::kUnrecorded;
    decision.host = "an unknown destination";
    decision.reason = reason;
    return decision;
  }
  return refuse("an unknown destination", ENETUNREACH, reason);
}

}  // namespace recshim::supervisor
