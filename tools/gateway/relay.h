// Bytes between a client and its real server, untouched and unbuffered, while a
// flow::RecordConnection listens. Knows no TLS and no handover.
#pragma once

#include "tools/gateway/client_stream.h"
#include "tools/gateway/party.h"
#include "tools/gateway/upstream.h"

namespace recshim::gateway {

// Carries out what a record connection asks for: saves and warnings.
// Returns: the exchange that was saved last is followed by a close; or nothing was saved.
struct Recorded {
  bool saved = false;
  bool closes = false;
  bool gave_up = false;  // it listens no more
};
Recorded carry_out(flow::Commands& commands, const Party& party);

// Relays until one side ends, and ends the other in the same way.
// first:  bytes of the client that have been read already.
// record: told of everything; null where nobody is to listen.
void relay(ClientStream& client, Upstream& upstream, const std::string& first,
           flow::RecordConnection* record, const Party& party);

}  // namespace recshim::gateway
