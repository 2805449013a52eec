// The supervisor of a session: takes over the seccomp listeners of the programs that the
// library can't reach (or, sealed, of all), and answers their connects and lookups.
//
// A wrapper (`recshim supervised`) connects to `<session_dir>/supervisor`, sends the byte "l"
// with its listener, waits for one byte, and executes the program. Each listener has a
// thread here, until the last program under its filter has ended.
//
// Inside a run a run of its own has no filter of its own: the kernel allows one. The supervisor
// that is asked sends the byte "n", the notification and its listener to the one that the
// program's environment names.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"
#include "shim/control/handover.h"
#include "shim/control/journal.h"
#include "shim/control/proxies.h"
#include "shim/control/synthetic_addresses.h"
#include "tools/supervisor/call.h"
#include "tools/supervisor/dns_server.h"
#include "tools/supervisor/notification.h"
#include "tools/supervisor/policy.h"
#include "tools/supervisor/private_net.h"
#include "tools/supervisor/program_socket.h"
#include "tools/supervisor/task.h"

namespace recshim::supervisor {

std::string supervisor_socket_path(const std::string& session_dir);

struct Options {
  Guard guard = Guard::kOpen;
  std::string library_name;  // file name of librecshim.so
  std::vector<control::Proxy> proxies;
};

class Supervisor {
 public:
  // Listens and makes the private network; no thread yet. config: borrowed.
  // REQUIRES: this process has one thread; the session's folder is there.
  static Result<std::unique_ptr<Supervisor>> make(const control::Config& config, Options options);
  // Programs that are still there are left to a process of its own, which refuses what is
  // configured and lets everything else pass until they end. REQUIRES: no other threads.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts to answer. Call once. The threads take the caller's signal mask.
  void start();
  // Ends the threads. Calls that come now wait for the destructor.
  void stop();

 private:
  struct Client;
  Supervisor(const control::Config& config, Options options, int listen_fd,
             std::unique_ptr<PrivateNet> net);

  void take_listeners();
  void serve(Client& client);
  void handle(const std::shared_ptr<Listener>& listener, const Notification& call);
  [[nodiscard]] Decision judge_stream(const Process& process, const control::Endpoint& asked) const;
  using Socket = std::shared_ptr<const ProgramSocket>;
  // What came on a connection to our socket.
  void receive(int connection);
  void add_client(int listener_fd);
  // False when the call is this supervisor's own.
  bool forward(const Listener& listener, const Notification& notification,
               const Process& process) const;
  [[nodiscard]] std::vector<std::string> names_of(const control::Endpoint& endpoint) const;
  void account(const Call& call, const Process& process, const Decision& decision,
               control::Outcome outcome);
  void handle_stream(const std::shared_ptr<Listener>& listener, const Notification& notification,
                     const Call& call, const Process& process, const Socket& socket);
  void handle_datagram(const Listener& listener, const Notification& notification, const Call& call,
                       const Process& process, const ProgramSocket& socket);
  void serve_stream(const Listener& listener, const Notification& notification, const Call& call,
                    const Process& process, const Socket& socket, const Decision& decision);
  void watch_stream(const std::shared_ptr<Listener>& listener, const Notification& notification,
                    const Call& call, const Process& process, const Socket& socket);
  void connect_elsewhere(const std::shared_ptr<Listener>& listener,
                         const Notification& notification, const Call& call, const Socket& socket,
                         const std::string& host);
  void lookup(const Listener& listener, const Notification& notification, const Call& call,
              const ProgramSocket& socket);
  void refuse(const Listener& listener, const Notification& notification, const Call& call,
              const Process& process, const Decision& decision);
  // The other end of handover's connection becomes the program's, and the call is answered.
  void redirect_to_gateway(const Listener& listener, const Notification& notification,
                           const Call& call, const Process& process, const Socket& socket,
                           const control::Handover& handover, int upstream_fd);
  // The same by another address in the program's call, which goes on. False when that can't be.
  bool lead_to_gateway(const Listener& listener, const Notification& notification, const Call& call,
                       const Process& process, const Socket& socket,
                       const control::Handover& handover, int upstream_fd);
  // Puts file in the place of the call's socket, with its flags; the file's registrations with
  // epoll(7) stay where they can. False when the program has gone.
  bool put_in_place(const Listener& listener, const Notification& notification, const Call& call,
                    const Process& process, const ProgramSocket& socket, int file,
                    const DescriptorFlags& flags);
  // Owns the descriptors.
  void give_to_gateway(const Process& process, control::Handover handover, int peer_fd,
                       int upstream_fd);
  // Runs work on a thread that the destructor waits for.
  void in_background(std::function<void()> work);
  void keep_after_the_end();
  // Whether a call goes on as if nobody had asked, after the end.
  bool is_let_go(const Notification& notification, const Result<Call>& call);

  const control::Config& config_;
  const Options options_;
  const int listen_fd_;
  const int stop_fd_;
  const std::unique_ptr<PrivateNet> net_;
  control::SyntheticAddresses addresses_;
  const Policy policy_;
  const std::string own_program_;  // also the gateway's
  Processes processes_;
  std::unique_ptr<DnsServer> dns_;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::condition_variable idle_;
  int background_ = 0;
  // Of programs' calls, which lead_to_gateway() changes for as long as the kernel reads them.
  std::shared_mutex addresses_mutex_;
  std::atomic<bool> told_of_lookups_{false};
  std::atomic<bool> stopping_{false};
};

}  // namespace recshim::supervisor
