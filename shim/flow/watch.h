// A connection to a host that is not configured: what its client sends may yet ask for one that
// is, by a request's target or Host header, by the name in a TLS ClientHello, or in a tunnel of
// an HTTP or SOCKS proxy. Knows no sockets and no modes.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "shim/http/codec.h"
#include "shim/http/message.h"

namespace recshim::flow {

// Threads: external synchronisation.
class Watch {
 public:
  enum class Verdict {
    kUndecided,  // more bytes are needed to tell
    kOther,      // all that came is for others; so may be what follows
    kNamed       // see named(); nothing more is looked at, but for what follows in a SOCKS tunnel
  };
  struct Named {
    http::Origin origin;    // scheme "": not told; host in lower case
    bool by_proxy = false;  // the server is asked to go there
    bool tls = false;       // by a ClientHello
    bool socks = false;     // the server is a SOCKS proxy
  };
  // direct: asked of the server that the connection leads to, not of what is behind a proxy.
  using IsConfigured = std::function<bool(const http::Origin&, bool direct)>;

  // port: of the connection. What a tunnel carries is for its own.
  Watch(uint16_t port, IsConfigured is_configured)
      : port_(port), is_configured_(std::move(is_configured)) {}

  // bytes: what the client sends next; borrowed for this call.
  Verdict feed(std::string_view bytes);
  // REQUIRES: feed() said kNamed.
  [[nodiscard]] const Named& named() const { return named_; }
  // REQUIRES: feed() said kNamed. What earlier calls were given of the message that names it.
  [[nodiscard]] std::string_view begun_earlier() const {
    return std::string_view(begun_).substr(0, earlier_);
  }
  // Nothing that follows can be told any more: there is no need to feed it.
  [[nodiscard]] bool over() const { return stage_ == Stage::kOver; }

 private:
  enum class Stage { kStart, kSocks, kHttp, kOver };

  // nullopt: look again.
  std::optional<Verdict> look_at_start();
  std::optional<Verdict> look_at_socks();
  std::optional<Verdict> look_at_http();
  std::optional<Verdict> look_at_hello();
  Verdict judge(Named named);
  Verdict give_up();
  void drop(size_t bytes);
  [[nodiscard]] Named named_by(const http::RequestHead& head) const;

  uint16_t port_;  // of the connection, or of where its tunnel leads
  const IsConfigured is_configured_;
  Stage stage_ = Stage::kStart;
  std::string begun_;   // of what has not been decided yet
  size_t earlier_ = 0;  // of it, by earlier calls
  size_t parsed_ = 0;   // of it, by parser_
  std::unique_ptr<http::RequestParser> parser_;
  bool in_body_ = false;
  bool greeted_ = false;  // a SOCKS proxy
  bool tunnel_ = false;   // what comes is for somebody behind a proxy
  Named named_;
};

// Why a connection that named a configured host is refused in replay, for people.
std::string why_refused(const Watch::Named& named);

}  // namespace recshim::flow
