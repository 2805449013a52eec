// Answers the lookups of supervised programs: configured hosts with their synthetic
// addresses, everything else by the nameserver that was asked. One thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/endpoint.h"
#include "tools/supervisor/private_net.h"

namespace recshim::supervisor {

// The nameservers of resolv.conf(5)'s text, in order.
std::vector<std::string> nameservers_of(const std::string& resolv_conf);

class DnsServer {
 public:
  // The synthetic address of a host, in host order; nullopt: ask the real nameserver.
  // Called on the server's thread.
  using Resolve = std::function<std::optional<uint32_t>(const std::string& host)>;

  // Opens the sockets. net: may be null; borrowed. What can't be opened is left out.
  DnsServer(PrivateNet* net, Resolve resolve);
  ~DnsServer();  // ends the thread
  DnsServer(const DnsServer&) = delete;
  DnsServer& operator=(const DnsServer&) = delete;

  // Starts the thread. Call once.
  void start();

  // In the private network every address answers on port 53.
  [[nodiscard]] bool serves_private_net() const { return serves_private_net_; }
  // Where it listens on the loopback interface for a socket of this family, if there is one.
  [[nodiscard]] std::optional<control::Endpoint> loopback(int family) const;

 private:
  struct Pending;
  void serve();
  void take_query(int fd);
  void take_answer(Pending& pending);
  bool forward(Pending& pending);

  const Resolve resolve_;
  std::vector<int> sockets_;
  std::optional<control::Endpoint> loopback_v4_, loopback_v6_;
  bool serves_private_net_ = false;
  std::vector<std::unique_ptr<Pending>> pending_;
  int stop_fd_ = -1;
  std::thread thread_;
};

}  // namespace recshim::supervisor
