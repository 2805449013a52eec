// See supervisor.h. This file: listeners, threads and their end; answers.cpp has what is
// answered.
#include "tools/supervisor/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <type_traits>

#include "shim/base/env.h"
#include "shim/base/log.h"
#include "shim/control/local_hosts.h"
#include "shim/control/lookups.h"
#include "shim/control/supervision.h"
#include "shim/control/unix_socket.h"

namespace recshim::supervisor {

static_assert(std::is_trivially_copyable_v<Notification>);

struct Supervisor::Client {
  explicit Client(int fd) : listener(std::make_shared<Listener>(fd)) {}
  std::shared_ptr<Listener> listener;
  std::thread thread;
  std::atomic<bool> ended{false};
};

namespace {

const std::string kListenerMessage = "l";
const std::string kCallMessage = "n";
constexpr int kForwardPatience_ms = 1000;

}  // namespace

std::string supervisor_socket_path(const std::string& session_dir) {
  return session_dir + "/supervisor";
}

Result<std::unique_ptr<Supervisor>> Supervisor::make(const control::Config& config,
                                                     Options options) {
  auto listener = control::listen_unix(supervisor_socket_path(config.session_dir));
  if (!listener) return listener.error();
  auto net = PrivateNet::make();
  if (!net) log::info("supervisor: {}", net.error().message);
  return std::unique_ptr<Supervisor>(
      new Supervisor(config, std::move(options), *listener, net ? std::move(*net) : nullptr));
}

Supervisor::Supervisor(const control::Config& config, Options options, int listen_fd,
                       std::unique_ptr<PrivateNet> net)
    : config_(config),
      options_(std::move(options)),
      listen_fd_(listen_fd),
      stop_fd_(eventfd(0, EFD_CLOEXEC)),
      net_(std::move(net)),
      addresses_(*config.store.memory),
      policy_(config, options_.guard, options_.proxies,
              Names{[this](uint32_t address) { return addresses_.host_of(address); },
                    [this](const control::Endpoint& endpoint) { return names_of(endpoint); }}),
      own_program_(std::filesystem::read_symlink("/proc/self/exe").string()),
      processes_(options_.library_name),
      dns_(std::make_unique<DnsServer>(net_.get(),
                                       [this](const std::string& host) -> std::optional<uint32_t> {
                                         if (!policy_.answers_lookup(host)) return std::nullopt;
                                         return addresses_.address_of(host);
                                       })) {}

void Supervisor::start() {
  dns_->start();
  acceptor_ = std::thread([this] { take_listeners(); });
}

Supervisor::~Supervisor() {
  stop();
  std::erase_if(clients_, [](const auto& client) { return client->ended.load(); });
  if (!clients_.empty()) keep_after_the_end();
  close(listen_fd_);
  close(stop_fd_);
}

void Supervisor::stop() {
  stopping_ = true;
  eventfd_write(stop_fd_, 1);
  if (acceptor_.joinable()) acceptor_.join();
  for (const auto& client : clients_) {
    if (client->thread.joinable()) client->thread.join();
  }
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return background_ == 0; });
  }
  dns_.reset();
}

void Supervisor::in_background(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    ++background_;
  }
  std::thread([this, work = std::move(work)] {
    work();
    const std::lock_guard lock(mutex_);
    --background_;
    idle_.notify_all();
  }).detach();
}

void Supervisor::take_listeners() {
  for (;;) {
    pollfd waited[2] = {{stop_fd_, POLLIN, 0}, {listen_fd_, POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if (waited[0].revents != 0) return;
    if (waited[1].revents == 0) continue;
    const int connection = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    receive(connection);
    close(connection);
  }
}

void Supervisor::receive(int connection) {
  const timeval patience = {5, 0};
  setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::vector<int> descriptors;
  const auto message = control::receive_exactly(connection, 1, descriptors);
  if (message && *message == kListenerMessage && descriptors.size() == 1) {
    add_client(descriptors[0]);
    if (!control::send_all(connection, "y")) log::info("a wrapper has gone");
    return;
  }
  if (message && *message == kCallMessage && descriptors.size() == 1) {
    const auto listener = std::make_shared<Listener>(descriptors[0]);
    std::vector<int> none;
    const auto bytes = control::receive_exactly(connection, sizeof(Notification), none);
    if (!bytes) return;
    Notification call;
    std::memcpy(&call, bytes->data(), sizeof call);
    in_background([this, listener, call] { handle(listener, call); });
    return;
  }
  for (const int fd : descriptors) close(fd);
}

void Supervisor::add_client(int listener_fd) {
  auto client = std::make_unique<Client>(listener_fd);
  Client& started = *client;
  const std::lock_guard lock(mutex_);
  // Those whose programs have ended go now, so that a long run does not collect them.
  std::erase_if(clients_, [](const auto& old) {
    const bool ended = old->ended.load();
    if (ended) old->thread.join();
    return ended;
  });
  clients_.push_back(std::move(client));
  started.thread = std::thread([this, &started] { serve(started); });
}

bool Supervisor::forward(const Listener& listener, const Notification& notification,
                         const Process& process) const {
  if (process.supervisor.empty() ||
      process.supervisor == supervisor_socket_path(config_.session_dir)) {
    return false;
  }
  const auto connection = control::connect_unix(process.supervisor, kForwardPatience_ms);
  if (!connection) return false;  // that run has ended
  std::string message = kCallMessage;
  message.append(reinterpret_cast<const char*>(&notification), sizeof notification);
  const Status sent = control::send_with_descriptors(*connection, message, {listener.fd()});
  close(*connection);
  return sent.ok();
}

std::vector<std::string> Supervisor::names_of(const control::Endpoint& endpoint) const {
  auto names = control::names_in_hosts_file(endpoint.text());
  if (auto name = control::looked_up_at(*config_.store.memory, endpoint)) {
    names.insert(names.begin(), std::move(*name));
  }
  return names;
}

void Supervisor::serve(Client& client) {
  const int fd = client.listener->fd();
  for (;;) {
    pollfd waited[2] = {{stop_fd_, POLLIN, 0}, {fd, POLLIN, 0}};
    if (poll(waited, 2, -1) < 0 && errno != EINTR) return;
    if (waited[0].revents != 0) return;
    if ((waited[1].revents & POLLIN) != 0) {
      if (const auto call = client.listener->receive()) handle(client.listener, *call);
    } else if ((waited[1].revents & (POLLHUP | POLLERR)) != 0) {
      client.ended.store(true);
      return;
    }
  }
}

bool Supervisor::is_let_go(const Notification& notification, const Result<Call>& call) {
  if (!call) {
    return call.error().code != ErrorCode::kUnsupported || !may_lead_out(notification) ||
           policy_.unseen(call.error().message).verdict != Verdict::kRefuse;
  }
  if (!call->address) return true;
  const Process process = processes_.look_at(process_of(notification.thread));
  return policy_.afterwards(process.reach, *call->address) == Verdict::kPass;
}

// Without an answer their connects would wait, and without a listener fail with ENOSYS.
void Supervisor::keep_after_the_end() {
  std::vector<pollfd> waited;
  for (const auto& client : clients_) waited.push_back({client->listener->fd(), POLLIN, 0});
  poll(waited.data(), waited.size(), 0);
  std::erase_if(waited, [](const pollfd& entry) {
    return (entry.revents & POLLIN) == 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
  });
  if (waited.empty() || fork() != 0) return;
  setsid();
  prctl(PR_SET_NAME, "recshim-keeper");
  const int null_fd = open("/dev/null", O_RDWR);
  for (int fd = 0; fd <= 2; ++fd) dup2(null_fd, fd);
  if (chdir("/") != 0) _exit(1);
  while (!waited.empty()) {
    if (poll(waited.data(), waited.size(), -1) < 0 && errno != EINTR) break;
    for (pollfd& entry : waited) {
      if ((entry.revents & POLLIN) == 0) continue;
      for (const auto& client : clients_) {
        if (client->listener->fd() != entry.fd) continue;
        const auto notification = client->listener->receive();
        if (!notification) break;
        const auto call = decode_call(*notification);
        if (call && call->unix_name == control::supervision_address(config_.session_dir)) {
          client->listener->answer(*notification, control::kSupervisedErrno);
          continue;
        }
        if (is_let_go(*notification, call)) {
          client->listener->let_go_on(*notification);
        } else {
          client->listener->answer(*notification, ECONNREFUSED);
        }
      }
    }
    std::erase_if(waited, [](const pollfd& entry) {
      return (entry.revents & POLLIN) == 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
    });
  }
  _exit(0);
}

}  // namespace recshim::supervisor
