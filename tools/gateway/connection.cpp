// See connection.h.
#include "tools/gateway/connection.h"

#include <unistd.h>

#include "shim/base/log.h"
#include "shim/flow/client_hello.h"
#include "shim/flow/first_bytes.h"
#include "shim/flow/origin.h"
#include "tools/gateway/relay.h"

namespace recshim::gateway {

std::string learn_name(ClientStream& client, std::string& hello, Leads& leads) {
  leads.origin.scheme = "https";
  flow::ClientHello seen = flow::read_client_hello(hello);
  while (seen.state == flow::ClientHello::State::kNeedMore && hello.size() < flow::kMaxFirstBytes) {
    Waiter waiter;
    waiter.for_bytes(client);
    waiter.wait(-1);
    if (is_end(client.read(hello))) break;
    seen = flow::read_client_hello(hello);
  }
  leads.only_http2 = seen.offers("h2") && !seen.offers("http/1.1");
  const std::string& name = seen.server_name;
  if (name.empty()) return leads.origin.host;
  if (flow::is_numeric_host(leads.origin.host)) {
    leads.address = leads.origin.host;
    leads.origin.host = name;
  }
  return name;
}

bool is_excluded(const Shared& shared, const Leads& leads) {
  return !leads.address.empty() && !shared.flow.is_configured(leads.origin, leads.address);
}

void pass_by(const Shared& shared, const Party& party, ClientStream& client,
             const std::string& address, uint16_t port, const std::string& first) {
  const auto opened = Upstream::open(shared.upstreams, {{"http", address, port}, "", false, ""},
                                     [&client] { return client.gone(); });
  if (const auto* upstream = std::get_if<std::unique_ptr<Upstream>>(&opened)) {
    return relay(client, **upstream, first, nullptr, party);
  }
  log::warn("not recorded, not reached: {}", std::get<UpstreamProblem>(opened).text);
  client.end(flow::End::kReset);
}

void start_tls(const Shared& shared, const Party& party, ClientStream& client, SSL_CTX* context,
               std::string_view read, const std::string& host, bool chooses_protocol) {
  client.start_tls(
      context, read,
      [trusting = shared.trusting.get(), pid = party.handover().pid, host] {
        trusting->add(pid, host);
      },
      chooses_protocol);
}

bool tell_of_handshake(const Shared& shared, const Party& party, const ClientStream& client,
                       const http::Origin& origin) {
  if (client.handshake_failure().empty()) return false;
  const bool trusts = shared.trusting->has(party.handover().pid, origin.host);
  if (!trusts || !client.left_silently()) party.refused(origin, client.handshake_failure());
  return true;
}

void serve(const Shared& shared, control::Received received, int control_fd) {
  const control::HandedDescriptors& given = received.descriptors;
  const Party party(shared, std::move(received.handover), given.standard_error);
  const auto& handover = party.handover();
  if (handover.watched) {
    close(control_fd);
    return serve_watched(shared, party, given.connection, given.upstream);
  }
  ClientStream client(given.connection, control_fd);
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
