// See wrapper.h.
#include "tools/supervisor/wrapper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "shim/base/sys.h"
#include "shim/control/supervision.h"
#include "shim/control/unix_socket.h"

namespace recshim::supervisor {
namespace {

constexpr int kPatience_ms = 10'000;

// Sends the listener whose number comes through the pipe, on a thread that has no filter:
// the call that sends it may be one that the filter asks about.
void send_listener(int number_fd, int connection, Status& sent) {
  int listener = -1;
  if (sys::read(number_fd, &listener, sizeof listener) != sizeof listener || listener < 0) return;
  sent = control::send_with_descriptors(connection, "l", {listener});
}

Status await_answer(int connection) {
  pollfd answer{connection, POLLIN, 0};
  char byte = 0;
  if (poll(&answer, 1, kPatience_ms) == 1 && sys::read(connection, &byte, 1) == 1) return {};
  return Error{ErrorCode::kIo, "the supervisor does not answer"};
}

}  // namespace

Result<Joined> join_supervisor(const std::string& socket_path, const std::string& session_dir,
                               const FilterOptions& options) {
  const auto connection = control::connect_unix(socket_path, kPatience_ms);
  if (!connection) {
    // The run has ended, and what it left behind is kept from waiting for ever.
    if (is_supervised(session_dir)) return Joined::kAlready;
    return connection.error();
  }
  std::array<int, 2> number{};
  if (pipe2(number.data(), O_CLOEXEC) != 0) {
    sys::close(*connection);
    return Error{ErrorCode::kIo, fmt::format("pipe: {}", std::strerror(errno))};
  }
  Status sent;
  std::thread sender([&] { send_listener(number[0], *connection, sent); });
  const auto installed = install_filter(build_filter(options));
  const int listener = installed ? installed->listener : -1;
  sys::write(number[1], &listener, sizeof listener);
  sender.join();
  if (listener >= 0 && sent) sent = await_answer(*connection);
  for (const int fd : {number[0], number[1], *connection, listener}) {
    if (fd >= 0) sys::close(fd);
  }
  if (!installed) return installed.error();
  if (installed->has_supervisor) {
    return is_supervised(session_dir) ? Joined::kAlready : Joined::kForeign;
  }
  if (!sent) return sent.error();
  return Joined::kNow;
}

bool is_supervised(const std::string& session_dir) {
  return control::SupervisionProbe(session_dir).is_supervised();
}

}  // namespace recshim::supervisor
