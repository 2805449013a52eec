// The sockets recshim has to do with, by file descriptor. A descriptor that is not ours
// costs its hook one load. Owns Socket slots (type-stable: never unmapped, so a stale
// pointer is safe to lock and recheck) and what hangs on them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shim/base/fork_mutex.h"
#include "shim/flow/connection.h"
#include "shim/flow/watch.h"
#include "shim/runtime/names.h"
#include "shim/runtime/tls_gate.h"

namespace recshim::runtime {

enum class Role : uint8_t {
  kFree,
  kWatched,     // not configured by name: its first bytes may yet name a configured host
  kRecord,      // the real connection; what passes is told to the flow core
  kReplay,      // we are the server, over peer_fd
  kLookup,      // UDP to a nameserver: what we know is answered over peer_fd, the rest is real
  kHandedOver,  // the gateway is the server: the kernel's socket as it is, but for its names
  kRefused      // failed closed: operations give failure_errno
};

struct Socket {
  // All below. Never held while a real function may block.
  ForkMutex mutex{LockRank::kSocket};
  Role role = Role::kFree;
  int refs = 0;                    // descriptors of this process that lead here
  int first_fd = -1;               // the one it was made for; may be closed by now
  uint64_t number = 0;             // of the slots filled so far: older sockets have lower ones
  std::atomic<uint64_t> inode{0};  // of the kernel's socket, to know it again
  http::Origin origin;
  bool proxy = false;
  bool tunnelled = false;     // origin is behind the proxy that `asked` is
  bool tls = false;           // a TLS session owns the bytes (record) or is virtual (replay)
  bool client_spoke = false;  // first client bytes have been looked at
  bool inherited = false;     // made before fork(2) by the parent, untouched since
  Endpoint asked;             // what connect(2) was given
  int asked_family = 0;
  Endpoint rewritten;                  // where the kernel's socket really leads (tcp)
  std::unique_ptr<flow::Watch> watch;  // watched: of what the program sends
  size_t watched_ahead = 0;            // bytes it was fed that the kernel has not taken yet
  std::unique_ptr<flow::RecordConnection> record;
  std::unique_ptr<flow::ReplayConnection> replay;
  std::shared_ptr<TlsTap> tap;  // record: of the TLS session over it

  int peer_fd = -1;                   // our end, high and close-on-exec
  bool unix_pair = false;             // no TCP under it (no loopback interface), or no UDP
  int parked_fd = -1;                 // lookup: the program's own socket while a pair stands for it
  uint64_t in_kernel = 0;             // bytes of the current boundary the program has not read yet
  std::string out;                    // bytes of it that did not fit
  std::optional<flow::Segment> next;  // not due yet
  bool read_by_hook = false;          // the program reads through the hooks
  bool past_hooks = false;            // stdio or an exec(2)ed child may move its bytes
  bool ended = false;                 // the server's side is over: nothing more comes
  bool ragged = false;                // over TLS its end was not announced
  bool announced = false;             // it was, or over TCP was orderly
  bool write_shut = false;            // the program shut down its writing side
  // What the program set on a unix pair that only TCP would keep: level, name, value.
  std::vector<std::array<int, 3>> options;
  int failure_errno = 0;  // after the end: what reads give (reset over a unix pair)
};

// The slot behind fd, or null. For a descriptor that is not ours: no lock, no allocation,
// one or two loads. One that is ours costs an fstat(2): stdio and raw system calls close
// past the hooks, and what then gets the number is not ours.
Socket* find_socket(int fd);
// A locked slot, rechecked against fd; false when it was closed meanwhile.
class LockedSocket {
 public:
  LockedSocket(Socket* socket, int fd);
  ~LockedSocket();
  LockedSocket(const LockedSocket&) = delete;
  LockedSocket& operator=(const LockedSocket&) = delete;
  explicit operator bool() const { return socket_ != nullptr; }
  Socket* operator->() const { return socket_; }
  Socket& operator*() const { return *socket_; }

 private:
  Socket* socket_;
};

// A fresh slot for fd with refs = 1, replacing (and ending) what stood there; null when fd
// is beyond the table. Fill it under its mutex. REQUIRES: OwnWork.
Socket* add_socket(int fd, const std::function<void(Socket&)>& fill);
// to leads to what from leads to; ends what to led to. REQUIRES: OwnWork.
void duplicate_socket(int from, int to);
// fd leads nowhere any more: `end` runs under the lock when it was the last descriptor,
// then the slot is free. REQUIRES: OwnWork.
void remove_socket(int fd, const std::function<void(Socket&, int fd)>& end);
// Every used slot, locked one after another. REQUIRES: OwnWork, no slot locked.
void for_each_socket(const std::function<void(Socket&)>& visit);
// A descriptor that leads to socket, or -1.
int fd_of(const Socket& socket);
bool any_socket();
// Every descriptor that leads to a slot, in order.
std::vector<int> socket_descriptors();

// fd moved up and made close-on-exec, so that the program gets the numbers it would have
// got without us; the low one is closed. -1 and errno on failure.
int raise_fd(int fd);
// fd, which is out of the program's way already, is one of ours.
void note_own_fd(int fd);
// Descriptors of ours that close_range(2) and closefrom(3) must leave open.
bool is_own_fd(int fd);
std::vector<int> own_descriptors();
void forget_own_fd(int fd);

// In a forked child, where no other thread is yet.
void mark_sockets_inherited();

}  // namespace recshim::runtime
