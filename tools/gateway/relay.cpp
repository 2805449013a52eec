// See relay.h.
#include "tools/gateway/relay.h"

#include "shim/base/log.h"

namespace recshim::gateway {
namespace {

class Relay {
 public:
  Relay(ClientStream& client, Upstream& upstream, flow::RecordConnection* record,
        const Party& party)
      : client_(client), upstream_(upstream), record_(record), party_(party) {}

  void run(const std::string& first) {
    take_from_client(first);
    for (;;) {
      const bool held = !client_takes();
      bool moved = upstream_to_client();
      moved = client_to_upstream() || moved;
      if (upstream_end_) return finish();
      if (client_end_ && (*client_end_ == flow::End::kReset || !busy())) return client_left();
      // Reading may have sent what was held: the server's bytes, which are read only when nothing
      // is, may lie decrypted where poll(2) does not see them.
      if (moved || (held && client_takes())) continue;
      Waiter waiter;
      if (!client_end_ && !upstream_.backed_up()) waiter.for_bytes(client_);
      if (client_takes()) waiter.for_bytes(upstream_);
      waiter.for_room(client_);
      waiter.for_room(upstream_);
      waiter.wait(-1);
      if (!client_.flush()) client_end_ = flow::End::kReset;
      upstream_.flush();  // what it meets is told by its read()
    }
  }

 private:
  bool client_to_upstream() {
    if (client_end_ || upstream_.backed_up()) return false;
    std::string bytes;
    const auto io = client_.read(bytes);
    if (io == Stream::Io::kBytes) {
      take_from_client(bytes);
      return true;
    }
    if (!is_end(io)) return false;
    client_end_ = end_of(io);
    if (!client_.problem().empty() && client_.handshake_failure().empty()) {
      log::warn("the client's TLS failed: {}", client_.problem());
    }
    if (*client_end_ == flow::End::kEof) upstream_.end_sending();
    return true;
  }

  void take_from_client(std::string_view bytes) {
    if (bytes.empty()) return;
    if (record_ != nullptr) {
      flow::Commands commands;
      record_->on_client_bytes(bytes, monotonic_us(), commands);
      obey(commands);
    }
    upstream_.send(bytes);
  }

  // The recording is in place before the client has the response's last byte.
  bool upstream_to_client() {
    if (upstream_end_ || !client_takes()) return false;
    std::string bytes;
    const auto io = upstream_.read(bytes);
    if (io == Stream::Io::kNothing) return false;
    flow::Commands commands;
    if (io == Stream::Io::kBytes) {
      if (record_ != nullptr) record_->on_server_bytes(bytes, monotonic_us(), commands);
    } else {
      server_ended(io, commands);
    }
    obey(commands);
    client_.send(bytes);
    return true;
  }

  void server_ended(Stream::Io io, flow::Commands& commands) {
    upstream_end_ = end_of(io);
    // The program itself may be welcome there: a refusal of ours is no answer to it.
    if (!upstream_.refusal().empty()) record_ = nullptr;
    if (record_ != nullptr) record_->on_server_end(*upstream_end_, monotonic_us(), commands);
  }

  void obey(flow::Commands& commands) {
    if (carry_out(commands, party_).gave_up) record_ = nullptr;
  }

  // A server may speak before the program's handshake with us is over (HTTP/2's SETTINGS).
  [[nodiscard]] bool client_takes() const { return client_.may_send() && !client_.backed_up(); }
  [[nodiscard]] bool busy() const { return record_ == nullptr || record_->busy(); }

  void finish() { client_.end(*upstream_end_); }

  void client_left() {
    // What the server has sent belongs to the recording whether the client wanted it or not.
    while (record_ != nullptr && record_->busy() && !upstream_end_) {
      std::string bytes;
      const auto io = upstream_.read(bytes);
      if (io == Stream::Io::kNothing) break;
      flow::Commands commands;
      if (io == Stream::Io::kBytes) {
        record_->on_server_bytes(bytes, monotonic_us(), commands);
      } else {
        server_ended(io, commands);
      }
      obey(commands);
    }
    if (record_ != nullptr && !upstream_end_) {
      flow::Commands commands;
      record_->on_client_end(monotonic_us(), commands);
      obey(commands);
    }
    client_.end(flow::End::kEof);
  }

  ClientStream& client_;
  Upstream& upstream_;
  flow::RecordConnection* record_;
  const Party& party_;
  std::optional<flow::End> client_end_;
  std::optional<flow::End> upstream_end_;
};

}  // namespace

Recorded carry_out(flow::Commands& commands, const Party& party) {
  Recorded recorded;
  for (auto& command : commands) {
    if (auto* save = std::get_if<flow::Save>(&command)) {
      recorded.saved = true;
      recorded.closes = save->exchange->closed_after;
      party.exchanges().save(*save->exchange);
    } else if (auto* lost = std::get_if<flow::Unrecorded>(&command)) {
      party.exchanges().unrecorded(*lost->exchange, lost->reason);
    } else if (auto* pass = std::get_if<flow::PassThrough>(&command)) {
      log::info("passed through: {}", pass->reason);
      recorded.gave_up = true;
    } else if (std::holds_alternative<flow::TlsSeen>(command)) {
      recorded.gave_up = true;
    }
  }
  commands.clear();
  return recorded;
}

void relay(ClientStream& client, Upstream& upstream, const std::string& first,
           flow::RecordConnection* record, const Party& party) {
  Relay(client, upstream, record, party).run(first);
}

}  // namespace recshim::gateway
