// See gateway.h.
#include "shim/runtime/gateway.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <ctime>

#include "shim/base/log.h"
#include "shim/base/sys.h"
#include "shim/control/session.h"
#include "shim/control/test_stamp.h"
#include "shim/runtime/helper_program.h"
#include "shim/runtime/runtime.h"
#include "shim/runtime/sockets.h"
#include "shim/runtime/test_id.h"

namespace recshim::runtime {
namespace {

constexpr uint64_t kStartTimeout_us = 5'000'000;

// Open while this process lives; -1 before it is needed. Children of fork(2) share it.
std::atomic<int> presence_fd{-1};
// The process that has handed a connection over, so as to know a child of fork(2).
std::atomic<pid_t> giver_pid{0};

bool is_open(int fd) {
  pollfd state{fd, POLLIN, 0};
  const timespec now{0, 0};
  // The gateway never writes to it: only its end makes it readable.
  return fd >= 0 && sys::call(SYS_ppoll, sys::arg(&state), 1, sys::arg(&now), 0, 0) == 0;
}

void keep_gateway_running(const std::string& session_dir) {
  int known = presence_fd.load();
  if (is_open(known)) return;
  auto opened = control::open_presence(session_dir);
  if (!opened) {
    log::debug("gateway: {}", opened.error().message);  // it went meanwhile; the next try starts it
    return;
  }
  const int fd = raise_fd(*opened);
  if (fd < 0 || presence_fd.compare_exchange_strong(known, fd)) {
    if (known >= 0) forget_own_fd(known);
    if (known >= 0) sys::close(known);
    return;
  }
  forget_own_fd(fd);  // another thread was faster
  sys::close(fd);
}

// hand_over() to the gateway, started if need be.
Result<int> reach(const control::Config& config, const control::Handover& handover,
                  const control::HandedDescriptors& descriptors) {
  const std::string& session_dir = config.session_dir;
  auto given = control::hand_over(session_dir, handover, descriptors);
  if (given || given.error().code != ErrorCode::kNotFound) return given;
  if (Status made = prepare_session_dir(); !made) return made.error();
  DetachedHelper gateway;
  const uint64_t deadline_us = monotonic_us() + kStartTimeout_us;
  if (Status started = gateway.start({"gateway", "--session-dir", session_dir}); !started) {
    return started.error();
  }
  while (monotonic_us() < deadline_us) {
    const timespec pause{0, 2'000'000};
    sys::call(SYS_nanosleep, sys::arg(&pause), 0);
    given = control::hand_over(session_dir, handover, descriptors);
    if (given || given.error().code != ErrorCode::kNotFound) return given;
    // What it says it dies of is not waited for.
    if (const auto complaint = gateway.complaint(); !complaint.empty()) {
      return Error{ErrorCode::kIo, complaint};
    }
  }
  return Error{ErrorCode::kIo,
               fmt::format("it did not start within {} s", kStartTimeout_us / 1'000'000)};
}

}  // namespace

void share_test_id() {
  const auto* self = runtime();
  if (self == nullptr || giver_pid.load() != getpid()) return;
  const auto stamp = current_stamp();
  const Status shared = control::write_stamp(*self->memory, getpid(), {stamp.test_id, stamp.phase});
  if (!shared) log::warn("the gateway does not hear of the next test: {}", shared.error().message);
}

Status give_to_gateway(control::Handover handover, int connection_fd,
                       const std::function<Status(const RawSink& raw)>& send_rest) {
  const auto* self = runtime();
  const auto stamp = current_stamp();
  handover.test_id = stamp.test_id;
  handover.phase = stamp.phase;
  handover.pid = getpid();
  handover.program = self->program;
  const std::string& session_dir = self->config.session_dir;
  const auto control_fd = reach(self->config, handover, {connection_fd, -1, log::user_stderr()});
  if (!control_fd) {
    return Error{control_fd.error().code,
                 "the gateway can't be used: " + control_fd.error().message};
  }
  keep_gateway_running(session_dir);
  if (giver_pid.exchange(getpid()) != getpid()) share_test_id();
  const Status sent =
      send_rest([&](std::string_view bytes) { return control::send_raw(*control_fd, bytes); });
  if (sent) control::end_raw(*control_fd);
  sys::close(*control_fd);
  return sent;
}

}  // namespace recshim::runtime
