// Every state of a connection and of the exchanges on it, and the one table of the steps
// between them. Does not know bytes, commands or whether it serves record or replay.
#pragma once

#include <cstdint>
#include <optional>

namespace recshim::flow {

// A connection, in both modes.
enum class Phase : uint8_t {
  kSniffing,  // the client's first bytes have not told yet what they are
  kHttp,      // requests and responses
  kHeld,      // a CONNECT or Upgrade waits for its answer; later client bytes wait too
  kGone       // not ours (any more): bytes are ignored
};
enum class PhaseStep : uint8_t { kHttpSeen, kSwitchAsked, kSwitchDeclined, kTunnelOpened, kLeft };

// One exchange as it is recorded: how far either side has come.
enum class Turn : uint8_t {
  kSending,        // request incomplete, no final response head
  kSent,           // request complete, no final response head
  kAnswering,      // request complete, response incomplete
  kEarly,          // request incomplete, response begun (RFC 9112 §9.5)
  kAnsweredEarly,  // request incomplete, response complete
  kDone
};
enum class TurnStep : uint8_t { kRequestEnd, kResponseHead, kResponseEnd };

// The current request as it is replayed.
enum class Serving : uint8_t {
  kIdle,        // between requests
  kAskedEarly,  // FindEarly is out
  kReceiving,   // its body is on the way
  kAsked,       // Find is out
  kSwallowing   // answered early; what remains of its body is dropped
};
enum class ServingStep : uint8_t { kHead, kHeadWithBody, kContinued, kRequestEnd, kAnswered };

// The state a step leads to; nullopt when the step is not possible there.
std::optional<Phase> next(Phase from, PhaseStep step);
std::optional<Turn> next(Turn from, TurnStep step);
std::optional<Serving> next(Serving from, ServingStep step);

}  // namespace recshim::flow
