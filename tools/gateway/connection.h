// One connection that was handed over, from its first byte to its last: what it is, and
// which of the modes serves it.
#pragma once

#include <string>

#include "shim/control/handover.h"
#include "tools/gateway/client_stream.h"
#include "tools/gateway/party.h"

namespace recshim::gateway {

// Serves what was received until it ends. Owns the descriptors from here on.
// control_fd: for the raw bytes. Threads: blocks; one thread for each connection.
void serve(const Shared& shared, control::Received received, int control_fd);

// --- Its parts --------------------------------------------------------------------------

// Where the connection leads, as far as is known.
struct Leads {
  http::Origin origin;  // scheme "" until the first bytes have told
  std::string address;  // where origin's host really is, when it became known by SNI alone
  bool proxy = false;
  bool only_http2 = false;  // the client offers it, and not HTTP/1.1, by ALPN
};

// replay and record-if-missing.
void serve_recordings(const Shared& shared, const Party& party, ClientStream& client, Leads leads);
// The same of a client that speaks HTTP/2. first: its bytes so far, from the preface on.
void serve_http2(const Shared& shared, const Party& party, ClientStream& client, const Leads& leads,
                 std::string_view first);
// record. first: bytes of the client that have been read already.
void serve_recorded(const Shared& shared, const Party& party, ClientStream& client, Leads leads,
                    std::string first = "");
// To a host that is not configured, over the connection to it that server_fd is, which may be
// in the making. Owns both descriptors.
void serve_watched(const Shared& shared, const Party& party, int client_fd, int server_fd);

// What follows on client is a ClientHello whose first bytes are hello: reads on until it is
// known which name it asks for. A name takes the place of an address in leads, which becomes
// https. Returns the name to show a certificate for.
std::string learn_name(ClientStream& client, std::string& hello, Leads& leads);

// Whether leads are to an address whose host, now that it is known, is excluded.
bool is_excluded(const Shared& shared, const Leads& leads);
// Goes to an address in the client's place and carries bytes, of which none are looked at. first:
// what the client has sent.
void pass_by(const Shared& shared, const Party& party, ClientStream& client,
             const std::string& address, uint16_t port, const std::string& first);

// TLS with the program for host, as ClientStream::start_tls; notes who trusts us.
void start_tls(const Shared& shared, const Party& party, ClientStream& client, SSL_CTX* context,
               std::string_view read, const std::string& host, bool chooses_protocol = true);
// Refuses a program whose TLS was of no use to it. One that trusts us for this host and left
// without a word had its reasons. Returns: there was something to refuse.
bool tell_of_handshake(const Shared& shared, const Party& party, const ClientStream& client,
                       const http::Origin& origin);

}  // namespace recshim::gateway
