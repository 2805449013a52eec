// record-if-missing: asks the real server for what has no recording, passes its answer on
// as it comes, and has it recorded. One for each client connection; keeps the connection to
// the server for the next miss.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tools/gateway/client_stream.h"
#include "tools/gateway/party.h"
#include "tools/gateway/upstream.h"

namespace recshim::gateway {

class Fetcher {
 public:
  // All borrowed, must outlive it. address: where the host really is; empty: looked up. tunnel: as
  // Upstream::Target::tunnel.
  Fetcher(const Shared& shared, const Party& party, ClientStream& client, std::string address,
          std::string tunnel)
      : shared_(shared),
        party_(party),
        client_(client),
        address_(std::move(address)),
        tunnel_(std::move(tunnel)) {}

  // request: whole; what stands before its answer has been sent to the client.
  // proxy: the client's HTTP proxy, to which the request goes as it is.
  // Returns: how the client's connection ends after it; nullopt: it goes on. A request that
  // can't be fetched has been told to the user.
  std::optional<flow::End> fetch(const http::Exchange& request,
                                 const std::optional<http::Origin>& proxy);

 private:
  class Course;
  bool open(const http::Origin& server, const http::Exchange& request, bool through_proxy);

  const Shared& shared_;
  const Party& party_;
  ClientStream& client_;
  const std::string address_;
  const std::string tunnel_;
  std::unique_ptr<Upstream> upstream_;
  http::Origin server_;  // where it leads
};

}  // namespace recshim::gateway
