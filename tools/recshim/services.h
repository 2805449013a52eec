// What a run has beside its program: the supervisor, and the gateway on demand.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"
#include "tools/supervisor/gateway_activation.h"
#include "tools/supervisor/supervisor.h"

namespace recshim::tools {

enum class Supervise { kAuto, kAlways, kNever };

struct ServiceOptions {
  Supervise supervise = Supervise::kAuto;
  supervisor::Guard guard = supervisor::Guard::kOpen;
  std::string executable;    // of recshim itself
  std::string library_name;  // file name of librecshim.so
};

// The session's services. Another run's, where this one is inside it and shares its session.
class Services {
 public:
  // Opens the sockets; no thread yet. variables: what the gateway gets over this process's
  // environment. config: borrowed. REQUIRES: one thread; the session's folder is there.
  static Result<Services> open(const control::Config& config, const ServiceOptions& options,
                               const std::map<std::string, std::string>& variables);

  // Calls launch()'s `forked` makes.
  void start();
  // Ends them all, in order.
  void end();

  // The supervisor's socket, for RECSHIM_SUPERVISOR; "" without one.
  [[nodiscard]] const std::string& supervisor_socket() const { return supervisor_socket_; }
  // The services are another run's.
  [[nodiscard]] bool shared() const { return shared_; }

 private:
  std::string supervisor_socket_;
  bool shared_ = false;
  std::unique_ptr<supervisor::GatewayActivation> gateway_;
  std::unique_ptr<supervisor::Supervisor> supervisor_;
};

}  // namespace recshim::tools
