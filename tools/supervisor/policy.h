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
  kPass,       // the kernel goes on as asked
  kServe,      // to the session's gateway
  kWatch,      // to where it asked, by way of the gateway, which looks at what is sent
  kElsewhere,  // to `host` by a real lookup, or where CONNECT_TO says
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

// Threads: const after construction.
class Policy {
 public:
  // config: borrowed. host_of: the host of a synthetic address. proxies: of the session's
  // environment. sealed: programs that could carry the library and don't are stopped, and
  // connections to addresses that nobody looked up are watched, as the library does.
  Policy(const control::Config& config, bool sealed, std::vector<control::Proxy> proxies,
         std::function<std::optional<std::string>(uint32_t)> host_of);

  // proxies: what the program's own environment names, beside the session's.
  [[nodiscard]] Decision stream(Reach reach, const control::Endpoint& asked,
                                const std::vector<control::Proxy>& proxies = {}) const;
  // sends: something goes out with the call, which is not so for connect(2).
  [[nodiscard]] Decision datagram(Reach reach, const control::Endpoint& asked, bool sends) const;
  // What a call comes to once the run has ended, when nobody looks at what is sent any more.
  // Sealed, programs without the library reach this machine alone.
  [[nodiscard]] Verdict afterwards(Reach reach, const control::Endpoint& asked) const;
  // A program that may not be looked into. reason: why.
  [[nodiscard]] Decision unseen(const std::string& reason) const;
  // Whether lookups of host are answered with its synthetic address.
  [[nodiscard]] bool answers_lookup(const std::string& host) const;

 private:
  struct Target {
    std::string host;
    bool named = false;
    bool configured = false;
    bool proxy = false;
  };
  [[nodiscard]] Target target_of(const control::Endpoint& asked) const;
  [[nodiscard]] bool is_proxy(const std::string& host, uint16_t port) const;
  [[nodiscard]] bool answers() const;  // the mode never goes out unseen

  const control::Config& config_;
  const bool sealed_;
  const std::vector<control::Proxy> proxies_;
  const std::function<std::optional<std::string>(uint32_t)> host_of_;
  control::HostMatcher hosts_;
};

}  // namespace recshim::supervisor
