// The sans-I/O core: what happens on one connection. Bytes and ends in, commands and
// segments out. Knows no socket, TLS, file or clock: times come as arguments
// (microseconds of a monotonic clock), lookups and writes go out as commands.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shim/base/env.h"
#include "shim/http/codec.h"
#include "shim/http/message.h"

namespace recshim::flow {

// What the driver lends every connection. All members outlive it.
struct Settings {
  Env* env = nullptr;      // for Body spills only
  std::string spill_dir;   // where request bodies spill
  std::string record_dir;  // where response bodies spill (file system of the recordings)
  http::Limits limits;
  double pace = 0;  // replay: 0 off, 1 as recorded, N times as fast
  bool respond_on_miss = true;
  // True if exchanges with this origin are to be recorded or replayed. address: where it is, or
  // empty where that is not known.
  std::function<bool(const http::Origin&, const std::string& address)> is_configured;
  // Called when a connection turns out to speak HTTP/2; may be empty.
  std::function<void()> on_http2 = {};
};

// --- Commands -----------------------------------------------------------------------

// Record: the exchange is over; persist it before returning to the program.
struct Save {
  std::unique_ptr<http::Exchange> exchange;
};
// Record: there will be no recording of this, and why. exchange: its request, as far as it was
// read; without a method when there was none to be read, only the connection.
struct Unrecorded {
  std::unique_ptr<http::Exchange> exchange;
  std::string reason;
};
// Replay: answer with deliver()/deliver_miss() (before feeding further bytes).
struct Find {
  std::unique_ptr<http::Exchange> request;
};
// Replay: the head of a request with a body has come; deliver() an early recording
// (Store::find_early), or call continue_body(). request: valid until then.
struct FindEarly {
  http::Exchange* request;
};
// The connection is not (or no longer) ours: stop looking at it. In replay the driver
// resets it with the reason, or reconnects it for real when may_go_live, sending
// `unsent` first.
struct PassThrough {
  std::string reason;
  bool may_go_live = false;
  std::string unsent;
};
// The client's bytes are a TLS record. unsent: what it sent so far.
struct TlsSeen {
  std::string unsent;
};
// Replay: the client's bytes are HTTP/2. unsent: what it sent so far, from the preface on.
struct Http2Seen {
  std::string unsent;
};
// A proxy accepted (record) or is asked for (replay) a tunnel to origin; the bytes that
// follow belong to it. scheme is "" until the first bytes tell.
struct Tunnel {
  http::Origin origin;
};

using Command =
    std::variant<Save, Unrecorded, Find, FindEarly, PassThrough, TlsSeen, Http2Seen, Tunnel>;
using Commands = std::vector<Command>;

// kRagged: the end of a TLS connection without close_notify (RFC 8446 §6.1).
enum class End { kEof, kReset, kRagged };

// --- Record -------------------------------------------------------------------------

// Listens to both directions of a real connection. Response bytes may come ahead of the
// request bytes they answer (another thread's read returned first); they wait.
// Threads: external synchronisation.
class RecordConnection {
 public:
  // is_proxy: the peer is an HTTP proxy (CONNECT, absolute-form).
  RecordConnection(http::Origin origin, bool is_proxy, const Settings& settings);
  ~RecordConnection();

  void on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out);
  void on_server_bytes(std::string_view bytes, uint64_t now_us, Commands& out);
  void on_server_end(End end, uint64_t now_us, Commands& out);
  // The program closed (or the process ends): what is unfinished is saved as cut off by
  // the client, or as complete when the stream's end marker has been seen.
  void on_client_end(uint64_t now_us, Commands& out);
  // The origin once it is known better (SNI; TLS makes it https).
  void set_origin(http::Origin origin);
  [[nodiscard]] const http::Origin& origin() const;
  // The connection was made to address, whose host is a guess: several may share it. The Host
  // header decides then, of each request, if may_be says that it can be a host there; null: any
  // can. Exchanges with those that are not configured are passed and not recorded.
  void set_address(std::string address, std::function<bool(const std::string& host)> may_be);
  // True between a request's first byte and its response's last.
  [[nodiscard]] bool busy() const;

  // Given to each request when its first byte arrives: test id and phase, wall clock.
  struct Stamp {
    std::optional<std::string> test_id;
    std::string phase;
    uint64_t wall_us = 0;
  };
  std::function<Stamp()> stamp;
  // Told of each exchange that is to be recorded, when its request has been sent whole. It is
  // commanded to be saved, or is Unrecorded, in the end.
  std::function<void(http::Exchange&)> sent;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// --- Replay -------------------------------------------------------------------------

// Bytes for the program. A read returns at most one boundary's bytes: the driver has at
// most one boundary in the kernel's buffer at a time.
struct Segment {
  std::string bytes;
  uint64_t due_us = 0;              // not before (same clock as now_us); 0: at once
  bool continues_boundary = false;  // may follow the previous segment without waiting
};

// Who has asked for a recording, whatever its protocol: takes the answer to Find and FindEarly.
class Asker {
 public:
  virtual ~Asker() = default;
  // recording: the response side is read; kept until sent.
  virtual void deliver(http::Exchange recording, uint64_t now_us, Commands& out) = 0;
  // Gives the contract's 424 (or resets): key and diagnosis go into it.
  virtual void deliver_miss(std::string_view key, std::string_view diagnosis, uint64_t now_us,
                            Commands& out) = 0;
  // FindEarly found nothing: the body may come.
  virtual void continue_body(uint64_t now_us, Commands& out) = 0;
};

// Plays the server of a connection from recordings.
// Threads: external synchronisation.
class ReplayConnection final : public Asker {
 public:
  ReplayConnection(http::Origin origin, bool is_proxy, const Settings& settings);
  ~ReplayConnection() override;

  // Takes all bytes. Pipelined requests are answered in order.
  void on_client_bytes(std::string_view bytes, uint64_t now_us, Commands& out);
  void on_client_end(uint64_t now_us, Commands& out);
  void set_origin(http::Origin origin);
  // As above. Empty: the host of the origin is no guess.
  void set_address(std::string address, std::function<bool(const std::string& host)> may_be);
  [[nodiscard]] const http::Origin& origin() const;

  void deliver(http::Exchange recording, uint64_t now_us, Commands& out) override;
  void deliver_miss(std::string_view key, std::string_view diagnosis, uint64_t now_us,
                    Commands& out) override;
  void continue_body(uint64_t now_us, Commands& out) override;
  // Answers Find where somebody else has sent the response (it was fetched from the real
  // server): the connection goes on with the next request, or ends as that response did.
  void answered_elsewhere(std::optional<End> end, uint64_t now_us, Commands& out);
  // Gives the connection up to another server, in answer to Find. to_client: consecutive
  // pieces of the responses that next_segment() has not given yet. from_client: of what is
  // not served yet: `asked`, which Find gave, and all bytes after it. A sink that returns
  // false stops. Errors: kIo when a spilled body can't be read. Afterwards the connection
  // is gone.
  using Sink = std::function<bool(std::string_view)>;
  [[nodiscard]] Status surrender(const http::Exchange& asked, const Sink& to_client,
                                 const Sink& from_client);
  // Answers to Tunnel: a 200 is sent and the connection goes on as origin's. Bytes the
  // client has sent ahead are looked at with the next on_client_bytes(), which may be empty.
  void accept_tunnel(uint64_t now_us);

  // The next bytes for the program, at most 256 KiB; nullopt when there are none now.
  std::optional<Segment> next_segment();
  [[nodiscard]] bool has_output() const;
  // Why an answer that had begun can't go on, once, when next_segment() has given nullopt: the
  // connection ends by a reset. Empty: none.
  std::string take_failure();
  // What follows once next_segment() gives nullopt: the connection ends so, or goes on.
  [[nodiscard]] std::optional<End> end_after_output() const;

  std::function<RecordConnection::Stamp()> stamp;  // as above

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace recshim::flow
