// The socket side of tls_gate.h: what the socket operations ask about TLS bytes.
#pragma once

#include <array>
#include <optional>

#include "shim/runtime/tls_gate.h"

namespace recshim::runtime {

struct Socket;

// This thread is inside a hooked TLS call: what it moves are TLS records.
bool in_tls_io();
// True while this thread only wants to know which socket is read or written: fd is noted, and
// nothing is moved.
bool note_probe(int fd);
// Once, if a hooked memory-BIO session made the ClientHello with this random: the session's tap,
// to be compared only. REQUIRES: OwnWork.
std::optional<const TlsTap*> claim_client_hello(const std::array<unsigned char, 32>& random);
// A replayed connection's first bytes, which may be a virtual session's whose socket was not seen.
// REQUIRES: OwnWork, socket locked.
void adopt_virtual(Socket& socket, std::string_view first_words);
// The session with this tap is on fd, whatever decide_tls() took it for.
// REQUIRES: OwnWork, no socket locked.
void settle_tap(int fd, const TlsTap* tap);

}  // namespace recshim::runtime
