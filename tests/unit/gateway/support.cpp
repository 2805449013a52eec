// See support.h.
#include "tests/unit/gateway/support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

#include "shim/control/journal.h"
#include "shim/control/names.h"

namespace recshim::gateway::testing {
namespace {

constexpr int kTimeoutS = 10;

void limit(int fd) {
  const timeval time{kTimeoutS, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
}

}  // namespace

Wire::Wire(int fd) : fd_(fd) {
  limit(fd);
}

bool Wire::accept_tls(SSL_CTX* context) {
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), fd_);
  return shake(SSL_accept(ssl_.get()));
}

void Wire::start_tls(SSL_CTX* context, const std::string& name) {
  ssl_.reset(SSL_new(context));
  SSL_set_fd(ssl_.get(), fd_);
  SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  SSL_set_connect_state(ssl_.get());
}

bool Wire::write_raw(const std::string& bytes) {
  return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string Wire::read_raw(size_t n) {
  std::string bytes(n, '\0');
  const ssize_t got = recv(fd_, bytes.data(), n, 0);
  bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  return bytes;
}

bool Wire::connect_tls(SSL_CTX* context, const std::string& name) {
  start_tls(context, name);
  SSL_set1_host(ssl_.get(), name.c_str());
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
  return shake(SSL_connect(ssl_.get()));
}

bool Wire::shake(int result) {
  if (result == 1) return true;
  const long verified = SSL_get_verify_result(ssl_.get());
  problem_ = verified != X509_V_OK ? X509_verify_cert_error_string(verified) : openssl_error();
  return false;
}

bool Wire::write(const std::string& bytes) {
  size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t n = 0;
    if (ssl_) {
      ERR_clear_error();
      n = SSL_write(ssl_.get(), bytes.data() + sent, static_cast<int>(bytes.size() - sent));
    } else {
      n = send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    }
    if (n <= 0) return false;
    sent += static_cast<size_t>(n);
  }
  return true;
}

bool Wire::read_some(std::string& out) {
  std::array<char, 65536> buffer{};
  ssize_t n = 0;
  if (ssl_) {
    ERR_clear_error();
    errno = 0;
    n = SSL_read(ssl_.get(), buffer.data(), buffer.size());
    if (n <= 0) {
      const int error = SSL_get_error(ssl_.get(), static_cast<int>(n));
      end_ = error == SSL_ERROR_ZERO_RETURN ? "eof" : errno == ECONNRESET ? "reset" : "ragged";
    }
  } else {
    n = recv(fd_, buffer.data(), buffer.size(), 0);
    if (n <= 0) end_ = n == 0 ? "eof" : "reset";
  }
  if (n > 0) out.append(buffer.data(), static_cast<size_t>(n));
  return n > 0;
}

std::string Wire::read_until(const std::string& text) {
  std::string all = std::move(ahead_);
  ahead_.clear();
  while (all.find(text) == std::string::npos) {
    if (!read_some(all)) return all;
  }
  const size_t end = all.find(text) + text.size();
  ahead_ = all.substr(end);
  all.resize(end);
  return all;
}

std::string Wire::read_n(size_t n) {
  std::string all = std::move(ahead_);
  ahead_.clear();
  while (all.size() < n && read_some(all)) {
  }
  if (all.size() > n) {
    ahead_ = all.substr(n);
    all.resize(n);
  }
  return all;
}

std::string Wire::read_to_end() {
  std::string all = std::move(ahead_);
  ahead_.clear();
  while (read_some(all)) {
  }
  return all;
}

void Wire::close() {
  if (fd_ < 0) return;
  if (ssl_ && end_.empty() && SSL_is_init_finished(ssl_.get()) != 0) SSL_shutdown(ssl_.get());
  close_ragged();
}

void Wire::close_ragged() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void Wire::reset() {
  const linger hard{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
  close_ragged();
}

Server::Server(Script script, Authority* authority)
    : script_(std::move(script)), authority_(authority) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(listen(fd_, 16), 0);
  EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::jthread([this] { run(); });
}

Server::~Server() {
  shutdown(fd_, SHUT_RDWR);
  thread_.join();
  ::close(fd_);
}

void Server::run() {
  for (;;) {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    Wire wire(fd);
    if (authority_ != nullptr) {
      const auto context = authority_->server_context("api.test");
      if (!context.ok()) continue;
      if (!wire.accept_tls(*context)) {
        // Closed at once, unread bytes would reset and overtake the alert.
        while (!wire.read_raw(4096).empty()) {
        }
        continue;
      }
    }
    script_(wire);
  }
}

Lab::Lab() {
  signal(SIGPIPE, SIG_IGN);
  std::filesystem::create_directories(folder_.path("real"));
  auto real = Authority::open(folder_.path("real"));
  EXPECT_TRUE(real.ok()) << real.error().message;
  real_ = std::move(*real);
  folder_.write("stderr", "");
  variables = {{"XDG_RUNTIME_DIR", folder_.path()},
               {"HOME", folder_.path("home")},
               {control::kSessionVariable, "lab"},
               {control::kDirVariable, folder_.path("recordings")},
               {control::kConfigVariable, folder_.path("recshim.json")},
               {control::kHostsVariable, "api.test"},
               {control::kJournalVariable, folder_.path("journal")},
               {"SSL_CERT_FILE", ca_path(folder_.path("real"))}};
}

Lab::~Lab() {
  join();
}

void Lab::load(const std::string& mode, uint16_t server_port) {
  join();
  folder_.write("recshim.json", config);
  control::Variables all = variables;
  all[control::kModeVariable] = mode;
  const std::string to = "=127.0.0.1:" + std::to_string(server_port);
  all.try_emplace(control::kConnectToVariable, "api.test:443" + to + ",api.test:80" + to);
  auto loaded = Shared::load(control::environment_of(all), folder_.path(), "");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  shared_ = std::move(*loaded);
  client_.reset(SSL_CTX_new(TLS_client_method()));
  ASSERT_EQ(SSL_CTX_load_verify_file(client_.get(), ca_path(shared_->config.session_dir).c_str()),
            1);
}

SSL_CTX* Lab::client_context() {
  return client_.get();
}

std::unique_ptr<Wire> Lab::hand_over(control::Handover handover, const std::string& raw,
                                     int upstream_fd) {
  if (handover.host.empty()) handover.host = "api.test";
  if (handover.port == 0) handover.port = 443;
  handover.pid = getpid();
  handover.program = "client";
  std::array<int, 2> pair{};
  std::array<int, 2> control{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()), 0);
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control.data()), 0);
  control::Received received;
  received.handover = std::move(handover);
  received.descriptors.connection = pair[0];
  received.descriptors.upstream = upstream_fd;
  received.descriptors.standard_error =
      open(folder_.path("stderr").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  served_.emplace_back([this, received = std::move(received), fd = control[0]]() mutable {
    serve(*shared_, std::move(received), fd);
  });
  EXPECT_TRUE(control::send_raw(control[1], raw).ok());
  ::close(control[1]);
  return std::make_unique<Wire>(pair[1]);
}

std::unique_ptr<Wire> Lab::hand_over_tls(const std::string& name) {
  auto wire = hand_over();
  if (wire->connect_tls(client_.get(), name)) return wire;
  client_problem_ = wire->problem();
  return nullptr;
}

void Lab::join() {
  served_.clear();
}

std::string Lab::told() {
  join();
  return folder_.read("stderr");
}

std::vector<std::string> Lab::recordings() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_.path("recordings"), ignored)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Lab::outcomes() {
  std::vector<std::string> all;
  std::istringstream lines(folder_.read("journal"));
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = control::parse_journal_line(line);
    all.emplace_back(parsed.ok() ? control::outcome_name(parsed->outcome) : "?");
  }
  return all;
}

std::string get(const std::string& target, const std::string& headers) {
  return "GET " + target + " HTTP/1.1\r\nHost: api.test\r\n" + headers + "\r\n";
}

std::string answer(const std::string& body, const std::string& headers) {
  return "HTTP/1.1 200 OK\r\n" + headers + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace recshim::gateway::testing
