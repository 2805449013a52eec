// replay over HTTP/2: an Http2Server, whose requests the recordings answer.
#include <algorithm>
#include <climits>

#include "shim/base/log.h"
#include "tools/gateway/connection.h"
#include "tools/gateway/http2_server.h"

namespace recshim::gateway {
namespace {

class Http2Replay {
 public:
  Http2Replay(const Shared& shared, const Party& party, ClientStream& client, const Leads& leads)
      : shared_(shared),
        party_(party),
        client_(client),
        origin_(leads.origin),
        server_(origin_, shared.flow) {
    server_.stamp = [this] { return party_.stamp(); };
  }

  void run(std::string_view first) {
    take(first);
    for (;;) {
      if (!push()) return client_.end(flow::End::kReset);
      if (server_.over() && !client_.backed_up()) return client_.end(flow::End::kEof);
      const bool held = client_.backed_up();
      std::string bytes;
      const auto io = client_.read(bytes);
      if (io == Stream::Io::kBytes) {
        take(bytes);
      } else if (io != Stream::Io::kNothing) {
        return client_ended(io);
      } else if (!held || client_.backed_up()) {
        // Reading may have sent what was held: more can follow, which nothing would wake us for.
        wait();
      }
    }
  }

 private:
  void take(std::string_view bytes) {
    server_.on_client_bytes(bytes, monotonic_us());
    for (auto asked = server_.next_asked(); asked.stream != nullptr; asked = server_.next_asked()) {
      flow::Commands none;
      if (asked.early) {
        party_.exchanges().answer_early(*asked.stream, asked.stream->request, none);
      } else {
        answer(*asked.stream);
      }
    }
    tell_of_failures();
  }

  void tell_of_failures() {
    if (const auto failure = server_.take_failure(); !failure.empty()) {
      party_.refused(origin_, failure);
    }
    while (const auto abandoned = server_.take_abandoned()) {
      party_.refused(abandoned->origin,
                     party_.name_of(*abandoned) +
                         " was given up by the program before its request had ended; if it waited "
                         "for an answer to what it had sent, that can't be replayed over HTTP/2");
    }
  }

  void answer(Http2Stream& stream) {
    flow::Commands none;
    const auto missing = party_.exchanges().answer(stream, stream.request, none);
    if (!missing) return;
    if (shared_.config.mode == control::Mode::kRecordIfMissing) {
      party_.refused(stream.request.origin,
                     party_.name_of(stream.request) +
                         " has no recording, and what is asked over HTTP/2 can't be fetched; "
                         "record it with RECSHIM_MODE=record");
      return stream.reset();
    }
    party_.exchanges().miss(stream, stream.request, *missing, none);
  }

  // False: the client is gone.
  bool push() {
    if (!client_.flush()) return false;
    while (!client_.backed_up()) {
      const std::string bytes = server_.output(monotonic_us());
      if (bytes.empty()) break;
      client_.send(bytes);
    }
    tell_of_failures();
    return true;
  }

  void wait() {
    int timeout_ms = -1;
    const auto due_us = server_.next_due_us();
    if (due_us && !client_.backed_up()) {
      const uint64_t now_us = monotonic_us();
      const uint64_t left_us = *due_us > now_us ? *due_us - now_us : 0;
      timeout_ms = static_cast<int>(std::min<uint64_t>(left_us / 1000 + 1, INT_MAX));
    }
    Waiter waiter;
    waiter.for_bytes(client_);
    waiter.for_room(client_);
    waiter.wait(timeout_ms);
  }

  void client_ended(Stream::Io io) {
    server_.on_client_end();
    tell_of_failures();
    if (!client_.problem().empty()) log::warn("the client's TLS failed: {}", client_.problem());
    if (io == Stream::Io::kReset) return;
    client_.end(flow::End::kEof);
  }

  const Shared& shared_;
  const Party& party_;
  ClientStream& client_;
  const http::Origin origin_;
  Http2Server server_;
};

}  // namespace

void serve_http2(const Shared& shared, const Party& party, ClientStream& client, const Leads& leads,
                 std::string_view first) {
  Http2Replay(shared, party, client, leads).run(first);
}

}  // namespace recshim::gateway
