// A connection to the real server: libcurl makes it (names, proxies, TLS and its
// verification), after which it carries bytes. Knows no HTTP and no client.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "shim/base/result.h"
#include "shim/control/config.h"
#include "shim/http/message.h"
#include "tools/gateway/stream.h"
#include "tools/gateway/upstream_trust.h"

namespace recshim::gateway {

// What every upstream of this gateway is told. Threads: const after making.
struct UpstreamSettings {
  control::Upstream files;
  std::shared_ptr<UpstreamTrust> trust;
  const control::HostMatcher* hosts = nullptr;  // for RECSHIM_CONNECT_TO
  bool environment_has_proxy = false;

  // trust from the configuration and the variables that programs know:
  // CURL_CA_BUNDLE and SSL_CERT_FILE, else the system's bundle; NODE_EXTRA_CA_CERTS,
  // REQUESTS_CA_BUNDLE, DENO_CERT and SSL_CERT_DIR.
  static UpstreamSettings from(const control::Config& config, const control::HostMatcher& hosts,
                               const control::GetEnv& get_env);
};

// Why there is no connection.
struct UpstreamProblem {
  enum class Kind { kUnreachable, kUntrusted, kGivenUp } kind = Kind::kUnreachable;
  std::string text;  // for people
};

// As libcurl takes it, which has a default port of its own.
std::string proxy_url(const http::Origin& proxy);

class Upstream final : public Stream {
 public:
  struct Target {
    http::Origin origin;  // scheme "https" or "http"
    std::string address;  // where that really is; empty: looked up
    bool direct = false;  // through no proxy of the environment
    std::string tunnel;   // the program's own proxy, where our environment names none; a URL
    bool http2 = false;   // is what is offered by ALPN, instead of HTTP/1.1
  };
  // Blocks until the connection stands or can't be made; given_up is asked about once a
  // second whether there is anybody left to wait for it.
  // settings: borrowed, must outlive it.
  static std::variant<std::unique_ptr<Upstream>, UpstreamProblem> open(
      const UpstreamSettings& settings, const Target& target,
      const std::function<bool()>& given_up);

  Io read(std::string& out) override;
  void send(std::string_view bytes) override;
  bool flush() override;
  [[nodiscard]] bool backed_up() const override { return !blocks_.empty(); }
  [[nodiscard]] int read_fd() const override { return fd_; }
  [[nodiscard]] int write_fd() const override { return fd_; }
  // Why the server ended TLS before it had sent a byte, for people: by an alert, or in any way
  // where it had asked for a certificate in vain. Else empty. TLS 1.3 says so only with the first
  // read.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  // The server has chosen HTTP/2 by ALPN.
  [[nodiscard]] bool speaks_http2() const { return tls_facts_.speaks_http2; }
  // The server's, as text; empty where a proxy or CONNECT_TO stands between.
  [[nodiscard]] const std::string& peer_address() const { return peer_address_; }
  // Nothing more will be sent. Over TLS the server is not told: it would close.
  void end_sending();

 private:
  Upstream() = default;
  // The server has asked for a certificate of ours, and there is none.
  [[nodiscard]] bool misses_certificate() const;
  // What went wrong, with what to do about it.
  [[nodiscard]] std::string explained(std::string detail) const;
  struct CloseCurl {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  std::unique_ptr<curl_slist, FreeList> connect_to_;  // outlives handle_, declared before it
  std::unique_ptr<CURL, CloseCurl> handle_;
  std::unique_ptr<char[]> error_;  // CURL_ERROR_SIZE
  std::string peer_address_;
  int fd_ = -1;
  // What is told to libcurl's TLS, and what it tells.
  struct Tls {
    const UpstreamSettings* settings = nullptr;
    CertStorePtr authorities;
    bool certificate_asked = false;  // ours
    bool http2 = false;              // as Target::http2
    bool speaks_http2 = false;       // the server has chosen it
  };
  static CURLcode adjust(CURL* curl, void* context, void* tls);
  static curl_socket_t open_socket(void* unused, curlsocktype purpose, curl_sockaddr* to);
  // The handshake is over, among other news: libcurl tells of the session only later.
  static void note_protocol(const SSL* ssl, int news, int);

  bool tls_ = false;
  Tls tls_facts_;
  bool answered_ = false;  // a byte has come
  std::string refusal_;
  bool broken_ = false;
  std::optional<Io> over_;
  // What waits, in blocks that stay where they are: TLS wants the same bytes again.
  std::deque<std::string> blocks_;
  size_t block_at_ = 0;
};

}  // namespace recshim::gateway
