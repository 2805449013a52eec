// The record-mode TLS sessions of the process, so that the process's end and fork(2) can
// reach them.
#pragma once

#include <memory>

#include "shim/http/message.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::runtime {

// A tap on a session with origin. Registered until it is destroyed. REQUIRES: OwnWork.
std::shared_ptr<TlsTap> make_tap(const http::Origin& origin);
// Ends every tap. REQUIRES: OwnWork.
void finish_taps();

void lock_taps_for_fork();
void unlock_taps_after_fork(bool in_child);

}  // namespace recshim::runtime
