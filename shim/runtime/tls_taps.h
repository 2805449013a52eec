// The record-mode TLS sessions of the process, so that the process's end and fork(2) can
// reach them.
#pragma once

#include <memory>

#include "shim/flow/connection.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::runtime {

// A tap that tells record what passes. Registered until it is destroyed. REQUIRES: OwnWork.
std::shared_ptr<TlsTap> make_tap(std::unique_ptr<flow::RecordConnection> record);
// Ends every tap. REQUIRES: OwnWork.
void finish_taps();

// In a forked child, where no other thread is yet.
void mark_taps_inherited();

}  // namespace recshim::runtime
