// See exec_handover.h. The file: one line a socket, "<fd> <our fd, -1 in record, -2 handed over>
// <unix pair 0|1> <family> <asked address> <asked port> <scheme or -> <host> <port> <proxy 0|1>
// <tls 0|1> <bytes of unsent reply>", and behind the last line's newline the unsent bytes, one
// after another.
#include "shim/runtime/exec_handover.h"

#include <fcntl.h>
#include <unistd.h>

#include <sstream>

#include "shim/base/log.h"
#include "shim/runtime/driver.h"
#include "shim/runtime/guard.h"
#include "shim/runtime/real.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"

namespace recshim::runtime {
namespace {

std::string file_path() {
  return fmt::format("{}/exec-{}", runtime()->config.session_dir, getpid());
}

constexpr int kHandedOver = -2;  // in place of our end

bool survives_exec(int fd) {
  return fd >= 0 && (real::fcntl(fd, F_GETFD, 0) & FD_CLOEXEC) == 0;
}

}  // namespace

void hand_over_sockets() {
  if (!any_socket() || runtime() == nullptr) return;
  const OwnWork work;
  if (in_vfork_child()) return;
  std::string lines;
  std::string unsent;
  for_each_socket([&](Socket& socket) {
    const int fd = fd_of(socket);
    // What the parent made and this process never used, the parent goes on serving.
    if (!survives_exec(fd) || socket.inherited) return;
    if (socket.role == Role::kReplay && !socket.ended) {
      socket.out = rest_of_reply(socket);
      pump(socket);
      if (socket.ended) return;
      real::fcntl(socket.peer_fd, F_SETFD, 0);
    } else if (socket.role != Role::kHandedOver && (socket.role != Role::kRecord || socket.tls)) {
      return;
    }
    const int kind = socket.role == Role::kHandedOver ? kHandedOver : socket.peer_fd;
    lines += fmt::format(
        "{} {} {} {} {} {} {} {} {} {} {} {}\n", fd, kind, socket.unix_pair ? 1 : 0,
        socket.asked_family, socket.asked.text(), socket.asked.port,
        socket.origin.scheme.empty() ? "-" : socket.origin.scheme, socket.origin.host,
        socket.origin.port, socket.proxy ? 1 : 0, socket.tls ? 1 : 0, socket.out.size());
    unsent += socket.out;
  });
  if (lines.empty()) return;
  auto written = posix_env().write_atomic(file_path(), lines + "\n" + unsent);
  if (!written.ok()) log::warn("connections are lost over exec: {}", written.error().message);
}

void take_back_sockets() {
  if (!any_socket() || runtime() == nullptr) return;
  const OwnWork work;
  if (in_vfork_child()) return;
  for_each_socket([&](Socket& socket) {
    if (socket.peer_fd >= 0) real::fcntl(socket.peer_fd, F_SETFD, FD_CLOEXEC);
  });
  (void)posix_env().remove(file_path());  // there may be none
}

void adopt_sockets() {
  auto file = posix_env().read_file(file_path());
  if (!file) return;
  (void)posix_env().remove(file_path());
  const size_t end_of_lines = file->find("\n\n");
  if (end_of_lines == std::string::npos) return;
  size_t unsent_at = end_of_lines + 2;
  std::istringstream lines(file->substr(0, end_of_lines + 1));
  int fd = -1;
  int peer_fd = -1;
  int unix_pair = 0;
  int family = 0;
  int proxy = 0;
  int tls = 0;
  std::string address;
  uint16_t asked_port = 0;
  http::Origin origin;
  size_t unsent_bytes = 0;
  while (lines >> fd >> peer_fd >> unix_pair >> family >> address >> asked_port >> origin.scheme >>
         origin.host >> origin.port >> proxy >> tls >> unsent_bytes) {
    const auto asked = endpoint_from_text(address, asked_port);
    if (!asked || real::fcntl(fd, F_GETFD, 0) < 0) continue;
    if (origin.scheme == "-") origin.scheme.clear();
    const bool replayed = peer_fd >= 0;
    const int own_fd = replayed ? raise_fd(peer_fd) : -1;
    if (replayed && own_fd < 0) continue;
    add_socket(fd, [&](Socket& socket) {
      socket.role = replayed                 ? Role::kReplay
                    : peer_fd == kHandedOver ? Role::kHandedOver
                                             : Role::kRecord;
      socket.origin = origin;
      socket.proxy = proxy != 0;
      socket.tls = tls != 0;
      socket.asked = *asked;
      socket.asked_family = family;
      socket.peer_fd = own_fd;
      socket.unix_pair = unix_pair != 0;
      if (socket.role == Role::kHandedOver) return;
      if (!replayed) {
        socket.record = make_record(socket);
        return;
      }
      socket.replay = make_replay(socket, origin);
      socket.out = file->substr(std::min(unsent_at, file->size()), unsent_bytes);
      pump(socket);
    });
    unsent_at += unsent_bytes;
  }
}

}  // namespace recshim::runtime
