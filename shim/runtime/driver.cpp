// See driver.h.
#include "shim/runtime/driver.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/runtime/gateway.h"
#include "shim/runtime/helper_thread.h"
#include "shim/runtime/own_stack.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/test_id.h"
#include "shim/runtime/tls_io.h"

namespace recshim::runtime {
namespace {

int give_away(Socket& socket, bool plaintext, std::string to_client,
              const std::function<Status(const RawSink& raw)>& send_rest) {
  control::Handover handover;
  handover.host = socket.origin.host;
  handover.port = socket.origin.port;
  handover.plaintext = plaintext;
  handover.proxy = socket.proxy;
  handover.to_client = std::move(to_client);
  const Status given = give_to_gateway(std::move(handover), socket.peer_fd, send_rest);
  if (!given) return refuse(socket, given.error().message);
  if (!socket.unix_pair) {
    // Two ends that both wait before they send or acknowledge would stall each other.
    const int fd = fd_of(socket);
    const int on = 1;
    if (fd >= 0) sys::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on);
  }
  forget_own_fd(socket.peer_fd);
  sys::close(socket.peer_fd);
  socket.peer_fd = -1;
  socket.role = Role::kHandedOver;
  return 0;
}

// Runs the commands of a replay connection until it wants nothing more.
class ReplayExecutor {
 public:
  ReplayExecutor(Socket& socket, bool* go_live, std::string* unsent)
      : socket_(socket), go_live_(go_live), unsent_(unsent) {}

  int run(flow::Commands commands) {
    // Answers produce commands of their own; they come after what stands here.
    for (size_t i = 0; i < commands.size(); ++i) {
      flow::Commands more;
      const int error =
          std::visit([&](auto& command) { return execute(command, more); }, commands[i]);
      if (error != 0 || *go_live_) return error;
      for (auto& command : more) commands.push_back(std::move(command));
    }
    return 0;
  }

 private:
  // Replay saves nothing.
  int execute(flow::Save&, flow::Commands&) { return 0; }
  int execute(flow::Unrecorded&, flow::Commands&) { return 0; }
  int execute(flow::Find& command, flow::Commands& more) {
    const auto& exchanges = *runtime()->exchanges;
    const auto missing = exchanges.answer(*socket_.replay, *command.request, more);
    if (!missing) return 0;
    if (runtime()->config.mode == control::Mode::kRecordIfMissing) return fetch(*command.request);
    exchanges.miss(*socket_.replay, *command.request, *missing, more);
    return 0;
  }

  int execute(flow::FindEarly& command, flow::Commands& more) {
    runtime()->exchanges->answer_early(*socket_.replay, *command.request, more);
    return 0;
  }

  int execute(flow::PassThrough& command, flow::Commands&) {
    if (command.may_go_live) {
      *go_live_ = true;
      *unsent_ = std::move(command.unsent);
      return 0;
    }
    return refuse(socket_, command.reason);
  }

  int execute(flow::TlsSeen& command, flow::Commands&) {
    // TLS that no hook reaches, also inside of a session that was one's own.
    return hand_over(socket_, /*plaintext=*/false, rest_of_reply(socket_), command.unsent);
  }

  int execute(flow::Http2Seen& command, flow::Commands&) {
    // A virtual session goes on over what is handed over.
    return hand_over(socket_, socket_.tls, rest_of_reply(socket_), command.unsent);
  }

  int execute(flow::Tunnel& command, flow::Commands& more) {
    socket_.origin = command.origin;
    socket_.proxy = false;
    socket_.tunnelled = true;
    socket_.client_spoke = false;  // the tunnel's first bytes decide anew
    socket_.replay->accept_tunnel(monotonic_us());
    // What the program sent ahead of the proxy's answer belongs into the tunnel.
    socket_.replay->on_client_bytes("", monotonic_us(), more);
    return 0;
  }

  // The gateway asks the real server, from this request on.
  int fetch(const http::Exchange& request) {
    return give_away(socket_, socket_.tls, rest_of_reply(socket_), [&](const RawSink& raw) {
      Status sent;
      const Status read = socket_.replay->surrender(
          request, [](std::string_view) { return true; },  // nothing is left for the program
          [&](std::string_view bytes) {
            sent = raw(bytes);
            return sent.ok();
          });
      return sent ? read : sent;
    });
  }

  Socket& socket_;
  bool* go_live_;
  std::string* unsent_;
};

void tell_refused(const Socket& socket, const std::string& reason) {
  runtime()->exchanges->refused(http::origin_url(socket.origin),
                                fmt::format("{}:{}", socket.origin.host, socket.origin.port),
                                reason);
}

// The program is gone. A forked process may hold the connection too: only our descriptor
// goes, the connection ends with the last.
void drop_peer(Socket& socket) {
  if (socket.peer_fd < 0) return;
  forget_own_fd(socket.peer_fd);
  sys::close(socket.peer_fd);
  socket.peer_fd = -1;
  socket.ended = true;
}

// The server's side ends, as the program is to see it whoever else holds the connection.
void end_peer(Socket& socket, bool reset) {
  if (socket.ended) return;
  if (reset && socket.unix_pair) {
    // A unix socket that dies with unread bytes resets its peer (unix(7)); the program's
    // end is ours to write from.
    const int fd = fd_of(socket);
    if (fd >= 0) real::send(fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else if (reset) {
    const linger hard{1, 0};
    sys::setsockopt(socket.peer_fd, SOL_SOCKET, SO_LINGER, hard);
  } else {
    sys::call(SYS_shutdown, socket.peer_fd, SHUT_WR);
    // TCP tells a half-closed connection from a closed one, a unix pair does not: there our
    // end stays until the program writes or closes.
    socket.ended = true;
    if (socket.unix_pair) return;
  }
  drop_peer(socket);
}

// What a connection was made to is an address, for which its host is a guess.
template <typename Connection>
void decide_by_host(Connection& connection, const Socket& socket) {
  std::string address = server_address(socket);
  if (address.empty()) return;
  connection.set_address(std::move(address), [asked = socket.asked](const std::string& host) {
    return may_be_at(host, asked);
  });
}

void sent(http::Exchange& exchange) {
  on_own_stack([&] { runtime()->exchanges->sent(exchange); });
}

}  // namespace

int hand_over(Socket& socket, bool plaintext, std::string to_client, std::string_view unsent) {
  return give_away(socket, plaintext, std::move(to_client),
                   [&](const RawSink& raw) { return unsent.empty() ? Status{} : raw(unsent); });
}

std::string rest_of_reply(Socket& socket) {
  std::string rest = std::move(socket.out);
  socket.out.clear();
  if (socket.next) rest += socket.next->bytes;
  socket.next.reset();
  while (auto segment = socket.replay->next_segment()) rest += segment->bytes;
  return rest;
}

RecordVerdict execute(flow::Commands& commands) {
  RecordVerdict verdict;
  for (auto& command : commands) {
    if (auto* saved = std::get_if<flow::Save>(&command)) {
      on_own_stack([&] { runtime()->exchanges->save(*saved->exchange); });
    } else if (auto* lost = std::get_if<flow::Unrecorded>(&command)) {
      on_own_stack([&] { runtime()->exchanges->unrecorded(*lost->exchange, lost->reason); });
    } else if (auto* pass = std::get_if<flow::PassThrough>(&command)) {
      log::info("passed through: {}", pass->reason);
      verdict.stop = true;
    } else if (std::get_if<flow::TlsSeen>(&command) != nullptr) {
      verdict.stop = verdict.tls = true;
    } else if (auto* tunnel = std::get_if<flow::Tunnel>(&command)) {
      verdict.tunnel = tunnel->origin;
    }
  }
  commands.clear();
  return verdict;
}

void leave_unrecorded(const http::Origin& origin, const std::string& reason) {
  runtime()->exchanges->unrecorded(origin, current_stamp(), reason);
}

std::string server_address(const Socket& socket) {
  const bool elsewhere =
      runtime()->hosts->connect_to(socket.origin.host, socket.asked.port) != nullptr;
  if (socket.proxy || socket.tunnelled || socket.asked.is_synthetic() || elsewhere) return "";
  return socket.asked.text();
}

bool records(const Socket& socket, const std::string& host) {
  if (host.empty() || host == socket.origin.host) return true;
  const auto& hosts = *runtime()->hosts;
  const std::string address = server_address(socket);
  if (address.empty() || !may_be_at(host, socket.asked)) {
    return !hosts.excluded(host, socket.origin.port);
  }
  return hosts.configured(host, socket.origin.port, address);
}

std::unique_ptr<flow::RecordConnection> make_record(const Socket& socket) {
  auto made = std::make_unique<flow::RecordConnection>(socket.origin, socket.proxy,
                                                       runtime()->flow_settings);
  made->stamp = current_stamp;
  made->sent = sent;
  decide_by_host(*made, socket);
  return made;
}

std::unique_ptr<flow::RecordConnection> make_session_record(const Socket& socket,
                                                            const http::Origin& origin,
                                                            bool named_by_sni) {
  auto made = std::make_unique<flow::RecordConnection>(origin, /*is_proxy=*/false,
                                                       runtime()->flow_settings);
  made->stamp = current_stamp;
  made->sent = sent;
  if (!named_by_sni) decide_by_host(*made, socket);
  return made;
}

std::unique_ptr<flow::ReplayConnection> make_replay(const Socket& socket,
                                                    const http::Origin& origin) {
  auto made =
      std::make_unique<flow::ReplayConnection>(origin, socket.proxy, runtime()->flow_settings);
  decide_by_host(*made, socket);
  made->stamp = current_stamp;
  return made;
}

namespace {

void obey(Socket& socket, flow::Commands& commands) {
  const RecordVerdict verdict = execute(commands);
  if (verdict.tunnel) {
    socket.origin = *verdict.tunnel;
    socket.proxy = false;
    socket.tunnelled = true;
    socket.client_spoke = false;  // the tunnel's first bytes decide anew
    if (!runtime()->hosts->configured(socket.origin.host, socket.origin.port)) {
      socket.record.reset();
      socket.role = Role::kWatched;
      socket.watch.reset();
      return;
    }
  }
  // What hooked sessions make is not told here, and what no hook reaches is the gateway's, but
  // for what was begun before its host was known.
  if (verdict.tls) leave_unrecorded(socket.origin, "its TLS is out of reach");
  if (verdict.stop) socket.record.reset();
}

// Of a connection that told us nothing: stdio or raw system calls have moved what went over it.
bool was_used_unseen(const Socket& socket, int fd) {
  if (socket.client_spoke || socket.proxy || fd < 0) return false;
  struct stat now {};  // it may have been closed past the hooks
  if (sys::call(SYS_fstat, fd, sys::arg(&now)) != 0 || now.st_ino != socket.inode.load()) {
    return false;
  }
  tcp_info info{};
  socklen_t size = sizeof info;
  const long got =
      sys::call(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, sys::arg(&info), sys::arg(&size));
  return got == 0 && info.tcpi_bytes_sent > 0;
}

}  // namespace

void record_client_bytes(Socket& socket, std::string_view bytes) {
  if (!socket.record || socket.tls) return;
  socket.inherited = false;
  log::trace("fd {}: {} bytes to the server", socket.first_fd, bytes.size());
  flow::Commands commands;
  socket.record->on_client_bytes(bytes, monotonic_us(), commands);
  obey(socket, commands);
}

void record_server_bytes(Socket& socket, std::string_view bytes) {
  if (!socket.record || socket.tls) return;
  socket.inherited = false;
  log::trace("fd {}: {} bytes from the server", socket.first_fd, bytes.size());
  flow::Commands commands;
  socket.record->on_server_bytes(bytes, monotonic_us(), commands);
  obey(socket, commands);
}

void record_server_end(Socket& socket, flow::End end) {
  if (!socket.record || socket.tls) return;
  socket.inherited = false;
  flow::Commands commands;
  socket.record->on_server_end(end, monotonic_us(), commands);
  obey(socket, commands);
}

void record_client_end(Socket& socket, int fd) {
  if (!socket.record || socket.tls) return;
  if (socket.inherited) {  // the parent's to finish
    socket.record.reset();
    return;
  }
  std::string buffer(size_t{64} << 10, '\0');
  while (socket.record && socket.record->busy() && fd >= 0) {
    const ssize_t n = real::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n > 0) {
      record_server_bytes(socket, {buffer.data(), static_cast<size_t>(n)});
      continue;
    }
    if (n == 0) record_server_end(socket, flow::End::kEof);
    if (n < 0 && errno == ECONNRESET) record_server_end(socket, flow::End::kReset);
    break;
  }
  if (!socket.record) return;
  flow::Commands commands;
  socket.record->on_client_end(monotonic_us(), commands);
  if (commands.empty() && was_used_unseen(socket, fd)) {
    leave_unrecorded(socket.origin, "stdio or raw system calls moved what went over it");
  }
  execute(commands);
  socket.record.reset();
}

static int replay_bytes(Socket& socket, std::string_view bytes, bool* go_live,
                        std::string* unsent) {
  flow::Commands commands;
  socket.inherited = false;
  if (!socket.client_spoke && !socket.tls) adopt_virtual(socket, bytes);
  socket.client_spoke = true;
  log::trace("fd {}: {} bytes from the program", socket.first_fd, bytes.size());
  socket.replay->on_client_bytes(bytes, monotonic_us(), commands);
  ReplayExecutor executor(socket, go_live, unsent);
  const int error = executor.run(std::move(commands));
  if (socket.role == Role::kHandedOver) socket.replay.reset();
  if (error != 0 || *go_live || socket.role != Role::kReplay) return error;
  pump(socket);
  if (next_due_us(socket) != 0 || (has_leftover(socket) && !socket.read_by_hook && !socket.tls)) {
    wake_helper_thread();
  }
  return 0;
}

int replay_client_bytes(Socket& socket, std::string_view bytes, bool* go_live,
                        std::string* unsent) {
  int error = 0;
  on_own_stack([&] { error = replay_bytes(socket, bytes, go_live, unsent); });
  return error;
}

void replay_unseen_bytes(Socket& socket) {
  std::string buffer(16384, '\0');
  bool go_live = false;
  std::string unsent;
  while (!socket.ended) {
    const ssize_t n = sys::recv(socket.peer_fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n <= 0) return;
    // It will do so again, and may fill the kernel's buffer before it calls a hook.
    socket.past_hooks = true;
    wake_helper_thread();
    const std::string_view bytes(buffer.data(), static_cast<size_t>(n));
    if (replay_client_bytes(socket, bytes, &go_live, &unsent) != 0) return;
    if (socket.role != Role::kReplay) return;
    if (go_live) {
      refuse(socket, "a request past the hooks to a host that is not configured");
      return;
    }
  }
}

void replay_bytes_read(Socket& socket, uint64_t n) {
  socket.read_by_hook = true;
  socket.inherited = false;
  socket.in_kernel -= std::min(n, socket.in_kernel);
  pump(socket);
  if (next_due_us(socket) != 0) wake_helper_thread();
}

void pump(Socket& socket) {
  while (!socket.ended && socket.role == Role::kReplay) {
    if (!socket.out.empty()) {
      const ssize_t sent = sys::send(socket.peer_fd, socket.out.data(), socket.out.size(),
                                     MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) {
        if (sent == -EINTR) continue;
        if (sent != -EAGAIN) drop_peer(socket);  // the program has closed
        return;
      }
      log::trace("fd {}: {} bytes to the program", socket.first_fd, sent);
      socket.in_kernel += static_cast<uint64_t>(sent);
      socket.out.erase(0, static_cast<size_t>(sent));
      continue;
    }
    if (!socket.next) socket.next = socket.replay->next_segment();
    if (!socket.next) {
      if (const auto failure = socket.replay->take_failure(); !failure.empty()) {
        tell_refused(socket, failure);
      }
      const auto end = socket.replay->end_after_output();
      if (!end) return;
      // An EOF may follow the data at once; a reset would overtake it.
      if (*end == flow::End::kReset && socket.in_kernel > 0) return;
      socket.ragged = *end == flow::End::kRagged;
      socket.announced = *end == flow::End::kEof;
      end_peer(socket, *end == flow::End::kReset);
      return;
    }
    if (socket.in_kernel > 0 && !socket.next->continues_boundary) return;
    if (socket.next->due_us > monotonic_us()) return;
    socket.out = std::move(socket.next->bytes);
    socket.next.reset();
  }
}

bool has_leftover(const Socket& socket) {
  return !socket.ended && socket.role == Role::kReplay &&
         (!socket.out.empty() || socket.next.has_value() || socket.replay->has_output() ||
          socket.replay->end_after_output().has_value());
}

uint64_t next_due_us(const Socket& socket) {
  return !socket.ended && socket.next ? socket.next->due_us : 0;
}

void replay_client_end(Socket& socket) {
  if (socket.replay) {
    flow::Commands ignored;  // nobody is left to answer
    socket.replay->on_client_end(monotonic_us(), ignored);
  }
  drop_peer(socket);
}

int refuse(Socket& socket, const std::string& reason) {
  tell_refused(socket, reason);
  if (socket.peer_fd >= 0) end_peer(socket, true);
  socket.role = Role::kRefused;
  socket.failure_errno = ECONNRESET;
  return ECONNRESET;
}

}  // namespace recshim::runtime
