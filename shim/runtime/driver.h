// Drives the flow core for sockets and TLS taps: carries out its commands with the store
// and the journal, and moves replayed bytes into the program's socket.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "shim/flow/connection.h"
#include "shim/runtime/sockets.h"

namespace recshim::runtime {

// --- Record -------------------------------------------------------------------------
// What the commands of a record connection ask of the one who feeds it.
struct RecordVerdict {
  bool stop = false;                   // nothing more to see here
  bool tls = false;                    // for it is TLS
  std::optional<http::Origin> tunnel;  // a proxy opened a tunnel to this origin
};
// Saves, warns, journals. REQUIRES: OwnWork; the connection's lock may be held.
RecordVerdict execute(flow::Commands& commands);
// A connection of which nothing can be read is left alone: journalled. REQUIRES: OwnWork.
void leave_unrecorded(const http::Origin& origin, const std::string& reason);
// Both REQUIRE: OwnWork, socket.mutex held. Of what goes over socket; of what goes over a TLS
// session to origin, which is over socket.
std::unique_ptr<flow::RecordConnection> make_record(const Socket& socket);
std::unique_ptr<flow::RecordConnection> make_session_record(const Socket& socket,
                                                            const http::Origin& origin,
                                                            bool named_by_sni);
// The address of the server that the program talks to; empty where connect(2) was given another's:
// a synthetic one, a proxy's, or one that CONNECT_TO leads elsewhere.
std::string server_address(const Socket& socket);
// Whether what a TLS client asks of host (SNI, or empty) over a record connection is to be
// recorded: the connection was judged by a name that may be another's of the same address.
bool records(const Socket& socket, const std::string& host);

// All REQUIRE: OwnWork, socket.mutex held, role kRecord.
void record_client_bytes(Socket& socket, std::string_view bytes);
void record_server_bytes(Socket& socket, std::string_view bytes);
void record_server_end(Socket& socket, flow::End end);
// The program closes fd: drains what has arrived, then finishes what is open.
void record_client_end(Socket& socket, int fd);

// --- Replay -------------------------------------------------------------------------
std::unique_ptr<flow::ReplayConnection> make_replay(const Socket& socket,
                                                    const http::Origin& origin);

// All REQUIRE: OwnWork, socket.mutex held, role kReplay.
// Takes the program's bytes. Returns 0, or the errno the write fails with; `*go_live` is
// set when the connection must be made for real instead (then `*unsent` goes first). The role
// may be kHandedOver afterwards: further bytes go into the program's socket.
int replay_client_bytes(Socket& socket, std::string_view bytes, bool* go_live, std::string* unsent);
// Takes what the program wrote past the hooks, which waits in our end of the socket.
void replay_unseen_bytes(Socket& socket);
// The program read n bytes through a hook (not peeked): more may follow.
void replay_bytes_read(Socket& socket, uint64_t n);
// Moves what is due into the kernel's buffer; at most one boundary is in there at a time.
void pump(Socket& socket);
// Something is left that pump could not move now.
[[nodiscard]] bool has_leftover(const Socket& socket);
// When the next segment is due (monotonic µs), 0 for none waiting on time.
[[nodiscard]] uint64_t next_due_us(const Socket& socket);
void replay_client_end(Socket& socket);
// Everything that next_segment() and its like still owe the program, taken out.
std::string rest_of_reply(Socket& socket);
// Gives peer_fd to the gateway, which is the server from now on. to_client: still to be sent
// to the program; unsent: what it has sent, which nobody has served. Returns 0, or the errno
// of a connection that was refused instead.
int hand_over(Socket& socket, bool plaintext, std::string to_client, std::string_view unsent);
// Fails the connection: tells the user why, resets it. Returns the errno.
int refuse(Socket& socket, const std::string& reason);

}  // namespace recshim::runtime
