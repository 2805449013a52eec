// The session's gateway as this process sees it: found, or started where there is none, and
// kept running while this process lives.
#pragma once

#include <functional>
#include <string_view>

#include "shim/base/result.h"
#include "shim/control/handover.h"

namespace recshim::runtime {

// Gives the server's end of a connection away. connection_fd stays the caller's to close.
// send_rest: hands on what the program has sent already, piece by piece, to `raw`, whose
// error it returns; called once, after the gateway has taken the connection.
// Fills in who gives it and for which test. Errors: that no gateway could be reached or
// started and why, or the gateway's own answer. Takes seconds at worst.
// Threads: any. REQUIRES: OwnWork.
using RawSink = std::function<Status(std::string_view bytes)>;
Status give_to_gateway(control::Handover handover, int connection_fd,
                       const std::function<Status(const RawSink& raw)>& send_rest);

// The test has changed: connections that this process has handed over hear of it before the
// next request. Does nothing where there are none. Threads: any. REQUIRES: OwnWork.
void share_test_id();

}  // namespace recshim::runtime
