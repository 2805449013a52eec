// What the supervisor answers to each notified call. See supervisor.h.
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/control/handover.h"
#include "shim/control/names.h"
#include "shim/control/supervision.h"
#include "shim/control/tally.h"
#include "tools/supervisor/epoll.h"
#include "tools/supervisor/program_socket.h"
#include "tools/supervisor/redirect.h"
#include "tools/supervisor/supervisor.h"

namespace recshim::supervisor {

using control::Endpoint;

namespace {

// A program that does not want to wait for its connection is told of one in the making after so
// long. What comes of it then shows when bytes are moved.
constexpr int kNonblockingWait_ms = 300;
// A program connects to the loopback interface at once, unless it is stopped or its connection is
// made by the first bytes it sends (TCP_FASTOPEN_CONNECT).
constexpr int kLeadPatience_ms = 1000;
constexpr int kLongestLead_ms = 60'000;

std::string destination_text(const std::string& host, uint16_t port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return is_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::optional<Endpoint> resolve(const std::string& host, uint16_t port, int family) {
  if (auto endpoint = control::endpoint_from_text(host, port)) return endpoint;
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  if (family == AF_INET6) hints.ai_flags = AI_V4MAPPED;
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return std::nullopt;
  auto endpoint = control::endpoint_of(list->ai_addr, list->ai_addrlen);
  freeaddrinfo(list);
  if (endpoint) endpoint->port = port;
  return endpoint;
}

// Who the exchange belongs to, by the program's own variables.
void fill_test(pid_t process, control::Handover& handover) {
  handover.test_id = start_variable(process, control::kTestIdVariable);
  if (handover.test_id && !handover.test_id->empty()) return;
  handover.test_id.reset();
  const auto pytest = start_variable(process, "PYTEST_CURRENT_TEST");
  if (!pytest || pytest->empty()) return;
  // "path::test (call)"
  const size_t space = pytest->rfind(" (");
  if (space == std::string::npos || pytest->back() != ')') {
    handover.test_id = *pytest;
    return;
  }
  handover.test_id = pytest->substr(0, space);
  handover.phase = pytest->substr(space + 2, pytest->size() - space - 3);
}

}  // namespace

void Supervisor::handle(const std::shared_ptr<Listener>& listener,
                        const Notification& notification) {
  const auto call = [&] {
    const std::shared_lock lock(addresses_mutex_);
    return decode_call(notification);
  }();
  if (!call) {
    // An address that can't be read is the program's own fault (EFAULT), unless we may not.
    Decision decision;
    if (call.error().code == ErrorCode::kUnsupported && may_lead_out(notification)) {
      decision = policy_.unseen(call.error().message);
    }
    if (decision.verdict == Verdict::kPass) return listener->let_go_on(notification);
    const Process process = processes_.look_at(process_of(notification.thread));
    if (decision.verdict == Verdict::kRefuse) {
      return refuse(*listener, notification, Call{}, process, decision);
    }
    account(Call{}, process, decision, control::Outcome::kUnrecorded);
    return listener->let_go_on(notification);
  }
  if (call->is_connect && call->unix_name == control::supervision_address(config_.session_dir)) {
    return listener->answer(notification, control::kSupervisedErrno);
  }
  if (!call->address && !control::is_supervision_address(call->unix_name)) {
    return listener->let_go_on(notification);
  }
  const pid_t pid = process_of(notification.thread);
  const Process process = processes_.look_at(pid);
  if (forward(*listener, notification, process)) return;
  if (!call->address || process.path == own_program_) return listener->let_go_on(notification);
  // Quick for what is nobody's business: a connection to this machine or an unconfigured host.
  const bool any_interest =
      judge_stream(process, *call->address).verdict != Verdict::kPass ||
      policy_.datagram(process.reach, *call->address, true).verdict != Verdict::kPass;
  if (!any_interest) return listener->let_go_on(notification);

  const auto socket = ProgramSocket::look_at(pid, call->fd);
  if (!socket || !listener->is_valid(notification)) {
    Decision decision;
    if (!socket && socket.error().code == ErrorCode::kUnsupported) {
      decision = policy_.unseen(socket.error().message);
      decision.host = call->address->text();
    }
    if (decision.verdict == Verdict::kRefuse) {
      return refuse(*listener, notification, *call, process, decision);
    }
    if (decision.verdict == Verdict::kUnrecorded) {
      account(*call, process, decision, control::Outcome::kUnrecorded);
    }
    return listener->let_go_on(notification);
  }
  const int type = (*socket)->type();
  if (type == SOCK_STREAM && (call->is_connect || call->fast_open) && !(*socket)->is_in_use()) {
    handle_stream(listener, notification, *call, process, *socket);
  } else if (type == SOCK_DGRAM) {
    handle_datagram(*listener, notification, *call, process, **socket);
  } else {
    listener->let_go_on(notification);
  }
}

Decision Supervisor::judge_stream(const Process& process, const Endpoint& asked) const {
  const bool trusts = process.ca_file.starts_with(config_.session_dir + "/");
  return policy_.stream(process.reach, asked, process.proxies, trusts);
}

void Supervisor::handle_stream(const std::shared_ptr<Listener>& listener,
                               const Notification& notification, const Call& call,
                               const Process& process, const Socket& socket) {
  const Decision decision = judge_stream(process, *call.address);
  log::debug("supervisor: {} ({}) to {}: {}", process.program, process.pid,
             destination_text(decision.host, call.address->port),
             static_cast<int>(decision.verdict));
  switch (decision.verdict) {
    case Verdict::kRefuse:
      return refuse(*listener, notification, call, process, decision);
    case Verdict::kServe:
    case Verdict::kWatch:
    case Verdict::kElsewhere:
      // The program tries again by connect(2).
      if (call.fast_open) return listener->answer(notification, EOPNOTSUPP);
      if (!decision.reason.empty()) {
        account(call, process, decision, control::Outcome::kUnrecorded);
      }
      if (decision.verdict == Verdict::kServe) {
        return serve_stream(*listener, notification, call, process, socket, decision);
      }
      if (decision.verdict == Verdict::kWatch) {
        return watch_stream(listener, notification, call, process, socket);
      }
      return connect_elsewhere(listener, notification, call, socket, decision.host);
    case Verdict::kUnrecorded:
      account(call, process, decision, control::Outcome::kUnrecorded);
      return listener->let_go_on(notification);
    case Verdict::kPass:
    case Verdict::kLookup:
      return listener->let_go_on(notification);
  }
}

void Supervisor::handle_datagram(const Listener& listener, const Notification& notification,
                                 const Call& call, const Process& process,
                                 const ProgramSocket& socket) {
  const Decision decision = policy_.datagram(process.reach, *call.address, !call.is_connect);
  switch (decision.verdict) {
    case Verdict::kRefuse:
      log::info("{}:{} over UDP refused", decision.host, call.address->port);
      return listener.answer(notification, decision.error);
    case Verdict::kLookup:
      return lookup(listener, notification, call, socket);
    default:
      return listener.let_go_on(notification);
  }
}

void Supervisor::serve_stream(const Listener& listener, const Notification& notification,
                              const Call& call, const Process& process, const Socket& socket,
                              const Decision& decision) {
  control::Handover handover;
  handover.host = decision.host;
  handover.port = call.address->port;
  handover.proxy = decision.proxy;
  redirect_to_gateway(listener, notification, call, process, socket, handover, -1);
}

// To where it asked, and the program is told what that connection says. By way of the gateway
// only then: what is sent is to be looked at.
void Supervisor::watch_stream(const std::shared_ptr<Listener>& listener,
                              const Notification& notification, const Call& call,
                              const Process& process, const Socket& socket) {
  if (socket->copy() < 0 && !socket->is_in_our_network()) {
    log::error("supervisor: {}: the network of this process is out of reach", process.pid);
    return listener->answer(notification, ENETUNREACH);
  }
  // A connect may take its time.
  in_background([=, this] {
    const bool nonblocking = descriptor_flags(notification.thread, call.fd).nonblocking;
    const auto upstream =
        connect_upstream(socket->copy(), call.family, *call.address, [&](int waited_ms) {
          return !stopping_ && listener->is_valid(notification) &&
                 (!nonblocking || waited_ms < kNonblockingWait_ms);
        });
    if (upstream.error != 0) return listener->answer(notification, upstream.error);
    if (!listener->is_valid(notification)) {
      close(upstream.fd);
      return;
    }
    control::Handover handover;
    handover.host = call.address->text();
    handover.port = call.address->port;
    handover.watched = true;
    redirect_to_gateway(*listener, notification, call, process, socket, handover, upstream.fd);
  });
}

void Supervisor::redirect_to_gateway(const Listener& listener, const Notification& notification,
                                     const Call& call, const Process& process, const Socket& socket,
                                     const control::Handover& handover, int upstream_fd) {
  if (lead_to_gateway(listener, notification, call, process, socket, handover, upstream_fd)) return;
  const DescriptorFlags flags = descriptor_flags(notification.thread, call.fd);
  const auto made = socket->copy() >= 0
                        ? redirect_stream(socket->copy(), call.family, *call.address,
                                          flags.nonblocking, upstream_fd, net_.get())
                        : replace_stream(socket->protocol(), call.family, *call.address,
                                         flags.nonblocking, upstream_fd, net_.get());
  if (!made) {
    log::error("supervisor: {}", made.error().message);
    if (upstream_fd >= 0) close(upstream_fd);
    return listener.answer(notification, ECONNREFUSED);
  }
  int error = made->error;
  if (made->replacement_fd >= 0) {
    const bool placed =
        put_in_place(listener, notification, call, process, *socket, made->replacement_fd, flags);
    if (!placed) error = ECONNREFUSED;
    close(made->replacement_fd);
  }
  // The gateway may have to be started first; the program need not wait for that.
  in_background([=, this, peer_fd = made->peer_fd] {
    give_to_gateway(process, handover, peer_fd, upstream_fd);
  });
  listener.answer(notification, error);
}

bool Supervisor::put_in_place(const Listener& listener, const Notification& notification,
                              const Call& call, const Process& process, const ProgramSocket& socket,
                              int file, const DescriptorFlags& flags) {
  const auto registrations = epoll_registrations(process.pid, call.fd);
  if (!listener.replace_descriptor(notification, file, call.fd, flags.close_on_exec)) return false;
  register_again(process.pid, call.fd, file, registrations);
  if (socket.copy() < 0) {
    log::warn("supervisor: what {} ({}) has set on its socket before connect(2) is lost",
              process.program, process.pid);
  }
  return true;
}

bool Supervisor::lead_to_gateway(const Listener& listener, const Notification& notification,
                                 const Call& call, const Process& process, const Socket& socket,
                                 const control::Handover& handover, int upstream_fd) {
  if (socket->copy() >= 0 || !socket->is_in_our_network()) return false;
  const auto lead = prepare_lead(socket->protocol(), *call.address);
  if (!lead) return false;
  sockaddr_storage storage{};
  const socklen_t length = control::to_sockaddr(lead->at, call.family, &storage);
  const std::string address(reinterpret_cast<const char*>(&storage), length);
  // Nobody else looks at addresses meanwhile: threads may share one.
  std::unique_lock lock(addresses_mutex_);
  const auto before = read_memory(notification.thread, call.address_at, length);
  if (!before || !listener.is_valid(notification) ||
      !write_memory(notification.thread, call.address_at, address)) {
    close(lead->listener_fd);
    return false;
  }
  listener.let_go_on(notification);
  const auto port = [&] { return socket->local_port(); };
  int peer_fd = accept_lead(*lead, port, kLeadPatience_ms);
  // A thread that was stopped before it connected finds our address yet, not the one it asked for.
  if (peer_fd >= 0) write_memory(notification.thread, call.address_at, *before);
  lock.unlock();
  in_background([=, this, lead = *lead] {
    int accepted_fd = peer_fd;
    for (int waited_ms = 0; accepted_fd < 0 && waited_ms < kLongestLead_ms && !stopping_;
         waited_ms += kLeadPatience_ms) {
      accepted_fd = accept_lead(
          lead, [&] { return socket->local_port(); }, kLeadPatience_ms);
    }
    close(lead.listener_fd);
    if (accepted_fd >= 0) {
      give_to_gateway(process, handover, accepted_fd, upstream_fd);
    } else if (upstream_fd >= 0) {
      close(upstream_fd);
    }
  });
  return true;
}

void Supervisor::give_to_gateway(const Process& process, control::Handover handover, int peer_fd,
                                 int upstream_fd) {
  handover.pid = process.pid;
  handover.program = process.program;
  fill_test(process.pid, handover);
  const int reports = handover.watched ? -1 : STDERR_FILENO;
  const auto control_fd =
      control::hand_over(config_.session_dir, handover, {peer_fd, upstream_fd, reports});
  if (control_fd) {
    control::end_raw(*control_fd);
    close(*control_fd);
  } else {
    log::tell_user(fmt::format("{} (pid {}): its connection to {} is reset: {}", process.program,
                               process.pid, destination_text(handover.host, handover.port),
                               control_fd.error().message));
    const linger reset = {1, 0};
    setsockopt(peer_fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  close(peer_fd);
  if (upstream_fd >= 0) close(upstream_fd);
}

void Supervisor::connect_elsewhere(const std::shared_ptr<Listener>& listener,
                                   const Notification& notification, const Call& call,
                                   const Socket& socket, const std::string& host) {
  const Process process = processes_.look_at(process_of(notification.thread));
  // A lookup and a connect may take their time.
  in_background([=, this] {
    std::string target = host;
    uint16_t port = call.address->port;
    const control::HostMatcher hosts(config_, [](const std::string&) { return false; });
    if (const auto* redirect = hosts.connect_to(host, port)) {
      target = redirect->target_address;
      port = redirect->target_port;
    }
    const auto endpoint = resolve(target, port, call.family);
    if (!endpoint || endpoint->is_synthetic()) {
      return listener->answer(notification, EHOSTUNREACH);
    }
    sockaddr_storage storage{};
    const socklen_t length = control::to_sockaddr(*endpoint, call.family, &storage);
    const auto* address = reinterpret_cast<sockaddr*>(&storage);
    if (socket->copy() >= 0) {
      const int error = connect(socket->copy(), address, length) == 0 ? 0 : errno;
      return listener->answer(notification, error);
    }
    const int own = ::socket(call.family, SOCK_STREAM | SOCK_CLOEXEC, socket->protocol());
    int error = own >= 0 && connect(own, address, length) == 0 ? 0 : errno;
    const DescriptorFlags flags = descriptor_flags(notification.thread, call.fd);
    if (flags.nonblocking) fcntl(own, F_SETFL, O_NONBLOCK);
    if (error == 0 && !put_in_place(*listener, notification, call, process, *socket, own, flags)) {
      error = ECONNREFUSED;
    }
    listener->answer(notification, error);
    if (own >= 0) close(own);
  });
}

// A datagram for a nameserver: the program's socket is exchanged for one of the private
// network, where our server has every address; or, connected, it is led to our server on the
// loopback interface.
void Supervisor::lookup(const Listener& listener, const Notification& notification,
                        const Call& call, const ProgramSocket& socket) {
  const DescriptorFlags flags = descriptor_flags(notification.thread, call.fd);
  if (net_ != nullptr && dns_->serves_private_net()) {
    if (net_->holds(socket.copy())) return listener.let_go_on(notification);
    const auto made = datagram_replacement(socket.copy(), call.family, flags.nonblocking, *net_);
    const bool replaced =
        made && listener.replace_descriptor(notification, *made, call.fd, flags.close_on_exec);
    if (made) close(*made);
    if (replaced) return listener.let_go_on(notification);
  }
  const auto server = dns_->loopback(call.family);
  if (call.is_connect && server) {
    sockaddr_storage address{};
    const socklen_t length = control::to_sockaddr(*server, call.family, &address);
    const int fresh = socket.copy() >= 0 ? -1 : ::socket(call.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int led_fd = socket.copy() >= 0 ? socket.copy() : fresh;
    if (flags.nonblocking && fresh >= 0) fcntl(fresh, F_SETFL, O_NONBLOCK);
    const bool led = connect(led_fd, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
                     (fresh < 0 || listener.replace_descriptor(notification, fresh, call.fd,
                                                               flags.close_on_exec));
    if (fresh >= 0) close(fresh);
    if (led) return listener.answer(notification, 0);
  }
  if (!told_of_lookups_.exchange(true)) {
    log::tell_user(
        "lookups of a statically linked program cannot be answered here: that needs root or user "
        "namespaces (user.max_user_namespaces, kernel.unprivileged_userns_clone)");
  }
  listener.let_go_on(notification);
}

void Supervisor::account(const Call& call, const Process& process, const Decision& decision,
                         control::Outcome outcome) {
  control::JournalLine line;
  line.outcome = outcome;
  line.wall_us = posix_env().wall_time_us();
  line.pid = process.pid;
  line.program = process.program;
  line.url = call.address ? destination_text(decision.host, call.address->port) : decision.host;
  line.detail = fmt::format("{} (pid {}): {}", process.program, process.pid, decision.reason);
  control::account(posix_env(), *config_.store.memory, config_.journal_path, config_.session_dir,
                   line);
}

void Supervisor::refuse(const Listener& listener, const Notification& notification,
                        const Call& call, const Process& process, const Decision& decision) {
  // Told before the program goes on, so that the line stands before what the program says.
  const std::string destination =
      call.address ? destination_text(decision.host, call.address->port) : decision.host;
  log::tell_user(fmt::format("{} (pid {}) was stopped at its connection to {}: {}",
                             process.path.empty() ? "a program" : process.path, process.pid,
                             destination, decision.reason));
  account(call, process, decision, control::Outcome::kRefused);
  listener.answer(notification, decision.error);
}

}  // namespace recshim::supervisor
