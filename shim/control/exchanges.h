// Carries out what connections ask of the recordings: saves exchanges, finds answers, and
// accounts for both in the tally and the journal, the log and what the user is told. The same for
// the library and the gateway; knows no socket, TLS or process state.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "shim/base/env.h"
#include "shim/control/journal.h"
#include "shim/flow/connection.h"
#include "shim/http/message.h"
#include "shim/store/store.h"

namespace recshim::control {

// Threads: any, as its callbacks.
class Exchanges {
 public:
  struct Outlets {
    // Fills in who it was (pid, program) and accounts for it (tally.h).
    std::function<void(JournalLine line)> journal;
    // Shows one line to the user of the program.
    std::function<void(const std::string& text)> tell_user;
  };
  // env and store: borrowed, must outlive this.
  Exchanges(Env& env, store::Store& store, Outlets outlets);

  // RecordConnection::sent: the exchange is under way from now on, until one of the next two.
  void sent(http::Exchange& exchange) const;
  // flow::Save: writes the recording.
  void save(http::Exchange& exchange) const;
  // flow::Unrecorded: journalled. The user is not told at once: programs cancel requests of their
  // own accord, and `recshim run` sums it up.
  void unrecorded(http::Exchange& exchange, const std::string& reason) const;
  // Likewise a connection of which no request can be read.
  void unrecorded(const http::Origin& origin, flow::RecordConnection::Stamp stamp,
                  const std::string& reason) const;

  // flow::Find: delivers the recording that answers request, or the reason why it can't be
  // read. Returns what is missing where there is none; nothing is delivered or journalled
  // then. more: what the connection asks for next.
  std::optional<store::Missing> answer(flow::Asker& asker, http::Exchange& request,
                                       flow::Commands& more) const;
  // The answer to what is missing: tells the user, and the program gets the miss.
  void miss(flow::Asker& asker, const http::Exchange& request, const store::Missing& missing,
            flow::Commands& more) const;
  // flow::FindEarly: delivers a recording that answered before the body, or lets it come.
  void answer_early(flow::Asker& asker, http::Exchange& request, flow::Commands& more) const;
  // A connection that is refused: journalled and told.
  void refused(const std::string& url, const std::string& who, const std::string& reason) const;
  // Method and URL as they may be told, without secrets.
  [[nodiscard]] std::string name_of(const http::Exchange& exchange) const;

 private:
  [[nodiscard]] JournalLine line_of(const http::Exchange& exchange, Outcome outcome) const;

  Env& env_;
  store::Store& store_;
  const Outlets outlets_;
};

// The test id of the request's own provider-data header goes before the environment's.
// Source: X-LlamaStack-Provider-Data / X-OGX-Provider-Data, JSON object with "__test_id".
void apply_header_test_id(http::Exchange& exchange);

}  // namespace recshim::control
