// What becomes of a connection that a supervised program opens. Decides; does nothing.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shim/control/config.h"
#include "shim/control/endpoint.h"
#include "shim/control/proxies.h"
#include "tools/supervisor/task.h"

namespace recshim::supervisor {

enum class Verdict {
  kPass,        // the kernel goes on as asked
  kUnrecorded,  // likewise, and it counts as not recorded, for `reason`
  kServe,       // to the session's gateway
  kWatch,       // to where it asked, by way of the gateway, which looks at what is sent
  kElsewhere,  // to `host` by a real lookup, or where CONNECT_TO says; with a reason as kUnrecorded
  kLookup,     // a datagram to a nameserver: to ours
  kRefuse      // `error`; with a reason the user is told and the journal gets a line
};

struct Decision {
  Verdict verdict = Verdict::kPass;
  std::string host;  // as the program asked: a name, or the address
  bool proxy = false;
  int error = 0;
  std::string reason;
};

enum class Guard {
  kOpen,
  kWatching,  // connections to addresses that nobody looked up are watched, as the library does
  kSealed     // and programs that could carry the library and don't are stopped
};

// What the policy asks about addresses.
struct Names {
  std::function<std::optional<std::string>(uint32_t)> of_synthetic;
  // Under which an address may have been looked up.
  std::function<std::vector<std::string>(const control::Endpoint&)> of_real;
};

// Threads: const after construction.
class Policy {
 public:
  // config: borrowed. proxies: of the session's environment.
  Policy(const control::Config& config, Guard guard, std::vector<control::Proxy> proxies,
         Names names);

  // Of a program with the library: it went past it. proxies: what the program's own environment
  // names, beside the session's. trusts: the program trusts the session's CA.
  [[nodiscard]] Decision stream(Reach reach, const control::Endpoint& asked,
                                const std::vector<control::Proxy>& proxies = {},
                                bool trusts = true) const;
  // sends: something goes out with the call, which is not so for connect(2).
  [[nodiscard]] Decision datagram(Reach reach, const control::Endpoint& asked, bool sends) const;
  // What a call comes to once the run has ended, when nobody looks at what is sent any more.
  // Sealed, programs without the library reach this machine alone.
  [[nodiscard]] Verdict afterwards(Reach reach, const control::Endpoint& asked) const;
  // A call that can't be looked into. reason: why.
  [[nodiscard]] Decision unseen(const std::string& reason) const;
  // Whether lookups of host are answered with its synthetic address.
  [[nodiscard]] bool answers_lookup(const std::string& host) const;

 private:
  struct Target {
    std::string host;
    bool named = false;
    bool configured = false;
    bool shared = false;  // by configured hosts and others, and nobody knows which is meant
    bool proxy = false;
  };
  [[nodiscard]] Target target_of(const control::Endpoint& asked) const;
  [[nodiscard]] bool is_proxy(const std::string& host, uint16_t port) const;
  [[nodiscard]] bool answers() const;  // the mode never goes out unseen

  const control::Config& config_;
  const Guard guard_;
  const std::vector<control::Proxy> proxies_;
  const Names names_;
  control::HostMatcher hosts_;
};

}  // namespace recshim::supervisor
