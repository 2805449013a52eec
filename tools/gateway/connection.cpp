// See connection.h.
#include "tools/gateway/connection.h"

#include <fcntl.h>

#include "shim/flow/first_bytes.h"
#include "shim/flow/origin.h"

namespace recshim::gateway {

std::string learn_name(ClientStream& client, std::string& hello, Leads& leads) {
  leads.origin.scheme = "https";
  std::optional<std::string> name = requested_server_name(hello);
  while (!name && hello.size() < flow::kMaxFirstBytes) {
    Waiter waiter;
    waiter.for_bytes(client);
    waiter.wait(-1);
    if (is_end(client.read(hello))) break;
    name = requested_server_name(hello);
  }
  if (!name || name->empty()) return leads.origin.host;
  if (flow::is_numeric_host(leads.origin.host)) {
    leads.address = leads.origin.host;
    leads.origin.host = *name;
  }
  return *name;
}

void serve(const Shared& shared, control::Received received, int control_fd) {
  const Party party(shared, std::move(received.handover), received.stderr_fd);
  ClientStream client(received.connection_fd, control_fd);
  const auto& handover = party.handover();
  Leads leads;
  leads.origin = {handover.plaintext ? "https" : "", handover.host, handover.port};
  leads.proxy = handover.proxy;
  client.send(handover.to_client);
  if (shared.config.mode == control::Mode::kRecord) {
    serve_recorded(shared, party, client, std::move(leads));
  } else {
    serve_recordings(shared, party, client, std::move(leads));
  }
}

}  // namespace recshim::gateway
