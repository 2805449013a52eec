// How a connection is given to the session's gateway: the message, both its ends, and the
// socket it goes over. Knows no connection's content.
//
// The giver connects to the stream socket `<session_dir>/gateway` and sends one message: a
// length of 4 bytes, big-endian, and that many bytes of JSON. With it come the descriptors:
// the server's end of the connection, and where the giver wants reports written, its stderr.
// The gateway answers with one line: "ok", or what is wrong. Then the giver sends what the
// program has sent already, as much as it likes, and shuts its writing side down; these
// bytes stand before those that the connection has yet to give.
//
//   v            1
//   host, port   where the program asked to go; a name in lower case, or an address
//   plaintext    true: its TLS has been taken off. false: its first byte tells
//   proxy        true: that host is the program's HTTP proxy
//   watched      true: that host is not configured. A descriptor more comes with it, after the
//                connection's: of the connection to that host, made or in the making
//   test_id      string or null
//   phase        "setup", "call", "teardown" or ""
//   pid, program who gives it
//   to_client    base64: bytes the program is to get before anything else
//   presence     true, with v and pid alone: no connection; the sender's life keeps the
//                gateway running
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "shim/base/result.h"

namespace recshim::control {

struct Handover {
  std::string host;
  uint16_t port = 0;
  bool plaintext = false;
  bool proxy = false;
  bool watched = false;
  std::optional<std::string> test_id;
  std::string phase;
  pid_t pid = 0;
  std::string program;
  std::string to_client;
};

// -1 where there is none.
struct HandedDescriptors {
  int connection = -1;
  int upstream = -1;  // of a watched one
  int standard_error = -1;
};

// Beyond this a message is refused: to_client is for what a program has not read yet.
inline constexpr size_t kMaxHandoverBytes = size_t{256} << 20;

std::string gateway_socket_path(const std::string& session_dir);

// --- The giver's side: no libc function that is hooked is called -----------------------

// Gives the connection away and returns the control socket, close-on-exec, for the raw
// bytes; the caller sends them (send_raw), ends them (end_raw) and closes it. The caller's
// descriptors are its own as before and may be closed.
// Errors: kNotFound: no gateway listens, or it ended before it answered (start one and try
// again). kTooLarge; kIo with the reason, which may be the gateway's.
Result<int> hand_over(const std::string& session_dir, const Handover& handover,
                      const HandedDescriptors& descriptors);
Status send_raw(int control_fd, std::string_view bytes);
void end_raw(int control_fd);

// A connection that says that a process of this session lives; kept open until it ends.
// Errors: as hand_over.
Result<int> open_presence(const std::string& session_dir);

// --- The gateway's side ----------------------------------------------------------------

struct Received {
  Handover handover;
  bool presence = false;
  HandedDescriptors descriptors;  // the caller's to close
};
// Reads one message and takes its descriptors; answers nothing yet.
// Errors: kInvalid, kTooLarge, kNotFound (the giver has gone), kIo; no descriptor is left
// open then.
Result<Received> receive_handover(int control_fd);
// The line that answers it. problem: empty for "ok".
Status answer_handover(int control_fd, std::string_view problem);

}  // namespace recshim::control
