// What the gateway's tests share: a real server that does what a test says, a TLS client
// whose connection is handed over, and the gateway's side on a thread.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/control/temp_folder.h"
#include "tools/gateway/authority.h"
#include "tools/gateway/connection.h"

namespace recshim::gateway::testing {

// One end of a connection over a descriptor, blocking, with TLS where it was begun.
// Everything gives up after ten seconds.
class Wire {
 public:
  explicit Wire(int fd);
  ~Wire() { close(); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // False, and why, when the handshake fails.
  bool accept_tls(SSL_CTX* context);
  bool connect_tls(SSL_CTX* context, const std::string& name);
  // A client's TLS that has not begun to shake hands, and takes any certificate.
  void start_tls(SSL_CTX* context, const std::string& name);
  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool write(const std::string& bytes);
  // Past TLS. Reads at most n bytes.
  bool write_raw(const std::string& bytes);
  std::string read_raw(size_t n);
  // Until text has come, or the end; what came.
  std::string read_until(const std::string& text);
  // n bytes, or what comes before the end.
  std::string read_n(size_t n);
  std::string read_to_end();
  // How the other side ended, once a read has met its end: "eof", "ragged" or "reset".
  [[nodiscard]] const std::string& end() const { return end_; }

  void close();         // with close_notify
  void close_ragged();  // without
  void reset();
  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }

 private:
  bool shake(int result);
  bool read_some(std::string& out);

  int fd_;
  SslPtr ssl_;
  std::string problem_;
  std::string end_;
  std::string ahead_;  // read and not returned yet
};

// A server on 127.0.0.1 that runs script for each connection, one after another.
class Server {
 public:
  using Script = std::function<void(Wire&)>;
  // authority: signs its certificate for "api.test"; null: no TLS.
  Server(Script script, Authority* authority);
  ~Server();
  [[nodiscard]] uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void run();
  Script script_;
  Authority* authority_;
  int fd_ = -1;
  uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::jthread thread_;
};

// A gateway's state in a folder of its own, in one mode, where api.test:443 and :80 lead to
// server_port.
class Lab {
 public:
  Lab();
  ~Lab();
  // The authority of the real servers.
  Authority& real_authority() { return *real_; }
  // Variables beside those of every test.
  control::Variables variables;
  // What recshim.json holds.
  std::string config = "{}";

  void load(const std::string& mode, uint16_t server_port);
  Shared& shared() { return *shared_; }
  // A connection that is handed over and served; the program's end of it. raw: sent along.
  // to_client, plaintext, proxy: of the handover. upstream_fd: of a watched one.
  std::unique_ptr<Wire> hand_over(control::Handover handover = {}, const std::string& raw = "",
                                  int upstream_fd = -1);
  // The same, with a handshake that trusts the session's authority. Null: it failed.
  std::unique_ptr<Wire> hand_over_tls(const std::string& name = "api.test");
  // Waits until everything handed over so far has been served.
  void join();
  // What was written on the program's stderr.
  std::string told();
  // Names of the recordings, and how the journal's lines came out.
  std::vector<std::string> recordings();
  std::vector<std::string> outcomes();
  SSL_CTX* client_context();
  [[nodiscard]] const std::string& client_problem() const { return client_problem_; }

 private:
  control::TempFolder folder_;
  std::unique_ptr<Authority> real_;
  std::unique_ptr<Shared> shared_;
  SslContextPtr client_;
  std::string client_problem_;
  std::vector<std::jthread> served_;
};

std::string get(const std::string& target, const std::string& headers = "");
std::string answer(const std::string& body, const std::string& headers = "");

}  // namespace recshim::gateway::testing
