// The socket side of tls_gate.h: what the socket operations ask about TLS bytes.
#pragma once

#include <array>

namespace recshim::runtime {

// This thread is inside a hooked TLS call: what it moves are TLS records.
bool in_tls_io();
// True while this thread only wants to know which socket is read: fd is noted, and the
// read fails with EAGAIN.
bool note_probe(int fd);
// True, once, if a hooked memory-BIO session made the ClientHello with this random.
// REQUIRES: OwnWork.
bool claim_client_hello(const std::array<unsigned char, 32>& random);

}  // namespace recshim::runtime
