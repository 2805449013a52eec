// See upstream.h.
#include "tools/gateway/upstream.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <string_view>

#include "shim/base/env.h"
#include "shim/control/ca_bundles.h"
#include "shim/control/ca_folders.h"
#include "shim/control/endpoint.h"
#include "shim/control/proxies.h"

namespace recshim::gateway {
namespace {

constexpr size_t kBlockBytes = size_t{64} << 10;
constexpr long kConnectTimeoutSeconds = 120;

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

int ask_whether_given_up(void* given_up, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return (*static_cast<const std::function<bool()>*>(given_up))() ? 1 : 0;
}

// Whether the server has sent close_notify. Older versions of libcurl say the same of an end
// without it.
bool close_was_announced(CURL* curl) {
  const curl_tlssessioninfo* session = nullptr;
  curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &session);
  if (session == nullptr || session->backend != CURLSSLBACKEND_OPENSSL ||
      session->internals == nullptr) {
    return true;
  }
  const auto* const ssl = static_cast<const SSL*>(session->internals);
  return (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

bool is_untrusted(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR ||
         code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
}

// "5ed36f99.0", as `openssl rehash` names certificates.
bool is_hashed(const std::string& name) {
  return name.size() > 9 && name[8] == '.' && name.find_first_not_of("0123456789abcdef") == 8 &&
         name.find_first_not_of("0123456789", 9) == std::string::npos;
}

// The files of a folder of CAs that OpenSSL would not find by its own rule. Go and rustls read
// them all; in one that was hashed they are the same certificates.
std::vector<std::string> files_to_read(const std::string& folder) {
  std::vector<std::string> paths;
  const auto entries = posix_env().list(folder);
  if (!entries) return paths;
  for (const DirEntry& entry : *entries) {
    if (is_hashed(entry.name)) return {};
    if (!entry.is_directory) paths.push_back(folder + "/" + entry.name);
  }
  return paths;
}

// Called when the server asks for our certificate. Returns: it may go on.
int note_certificate_asked(SSL*, void* asked) {
  *static_cast<bool*>(asked) = true;
  return 1;
}

}  // namespace

std::string proxy_url(const http::Origin& proxy) {
  return fmt::format("http://{}:{}", bracketed(proxy.host), proxy.port);
}

UpstreamSettings UpstreamSettings::from(const control::Config& config,
                                        const control::HostMatcher& hosts,
                                        const control::GetEnv& get_env) {
  UpstreamSettings settings;
  settings.files = config.upstream;
  settings.hosts = &hosts;
  settings.environment_has_proxy = !control::proxies_of_environment(get_env).empty();
  std::string bundle = config.upstream.ca_file;
  std::vector<std::string> extra, folders;
  // The session's own authority, which these may name for the programs, vouches for no real
  // server.
  const auto file_named_by = [&](const char* name) {
    const std::string path = get_env(name).value_or("");
    return path.starts_with(config.session_dir + "/") ? std::string() : path;
  };
  // As the tools that read them have it: CURL_CA_BUNDLE first.
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE"}) {
    if (bundle.empty()) bundle = file_named_by(name);
  }
  // libcurl and OpenSSL may come from another distribution, whose bundle is elsewhere.
  if (bundle.empty()) bundle = control::system_bundle(posix_env());
  for (const char* name : {"NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "DENO_CERT"}) {
    const std::string path = file_named_by(name);
    if (!path.empty()) extra.push_back(path);
  }
  for (auto& folder : control::ca_folders(get_env(control::kCaFoldersVariable).value_or(""))) {
    for (std::string& path : files_to_read(folder)) extra.push_back(std::move(path));
    folders.push_back(std::move(folder));
  }
  settings.trust =
      std::make_shared<UpstreamTrust>(std::move(bundle), std::move(extra), std::move(folders));
  return settings;
}

// Gives libcurl, which loads none, the authorities, and takes back that an end
// which was not announced is none to tell of: the client is to see it too.
CURLcode Upstream::adjust(CURL*, void* context, void* tls) {
  auto* const facts = static_cast<Tls*>(tls);
  auto* const ssl_context = static_cast<SSL_CTX*>(context);
  SSL_CTX_clear_options(ssl_context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_cert_cb(ssl_context, note_certificate_asked, &facts->certificate_asked);
  SSL_CTX_set1_cert_store(ssl_context, facts->authorities.get());
  if (facts->http2) {
    static constexpr unsigned char kHttp2[] = "\x02h2";
    SSL_CTX_set_alpn_protos(ssl_context, kHttp2, sizeof kHttp2 - 1);
    SSL_CTX_set_app_data(ssl_context, facts);
    SSL_CTX_set_info_callback(ssl_context, note_protocol);
  }
  return CURLE_OK;
}

// Synthetic addresses lead nowhere, and are on some networks somebody's.
curl_socket_t Upstream::open_socket(void*, curlsocktype, curl_sockaddr* to) {
  const auto endpoint = control::endpoint_of(&to->addr, to->addrlen);
  if (endpoint && endpoint->is_synthetic()) return CURL_SOCKET_BAD;
  return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

void Upstream::note_protocol(const SSL* ssl, int news, int) {
  if ((news & SSL_CB_HANDSHAKE_DONE) == 0) return;
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl, &name, &size);
  auto* const facts = static_cast<Tls*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  facts->speaks_http2 = std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

bool Upstream::misses_certificate() const {
  return tls_facts_.certificate_asked && tls_facts_.settings->files.client_cert.empty();
}

std::string Upstream::explained(std::string detail) const {
  if (!misses_certificate()) return detail;
  return detail +
         "; the server asks for a client certificate, which upstream.client_cert in recshim.json "
         "can name";
}

std::variant<std::unique_ptr<Upstream>, UpstreamProblem> Upstream::open(
    const UpstreamSettings& settings, const Target& target, const std::function<bool()>& given_up) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) return UpstreamProblem{{}, "libcurl can't be used here"};
  std::unique_ptr<Upstream> made(new Upstream);
  made->handle_.reset(curl_easy_init());
  made->error_ = std::make_unique<char[]>(CURL_ERROR_SIZE);
  made->tls_ = target.origin.scheme == "https";
  CURL* const curl = made->handle_.get();
  if (curl == nullptr) return UpstreamProblem{{}, "libcurl has no memory for it"};

  const auto& origin = target.origin;
  const std::string host = bracketed(origin.host);
  const std::string url = fmt::format("{}://{}:{}/", origin.scheme, host, origin.port);
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, made->error_.get());
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);    // ALPN follows it
  if (target.http2) curl_easy_setopt(curl, CURLOPT_SSL_ENABLE_ALPN, 0L);  // adjust() offers it
  made->tls_facts_.http2 = target.http2;
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectTimeoutSeconds);
  curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, ask_whether_given_up);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &given_up);

  const auto* mapped = settings.hosts->connect_to(origin.host, origin.port);
  std::string where;
  if (mapped != nullptr) {
    where = fmt::format("{}:{}:{}:{}", host, origin.port, bracketed(mapped->target_address),
                        mapped->target_port);
  } else if (!target.address.empty()) {
    where = fmt::format("{}:{}:{}:{}", host, origin.port, bracketed(target.address), origin.port);
  }
  if (!where.empty()) {
    made->connect_to_.reset(curl_slist_append(nullptr, where.c_str()));
    curl_easy_setopt(curl, CURLOPT_CONNECT_TO, made->connect_to_.get());
  }
  // A program that speaks plain HTTP has found its way without the environment's proxy, or we
  // are asked for the proxy itself. The configured one is for everything, as a tunnel.
  const bool has_proxy = !settings.files.proxy.empty() || settings.environment_has_proxy;
  const std::string& proxy = has_proxy ? settings.files.proxy : target.tunnel;
  const bool straight = mapped == nullptr && !target.direct &&
                        (!where.empty() || (proxy.empty() && !(made->tls_ && has_proxy)));
  if (target.direct || !where.empty() || (proxy.empty() && !made->tls_)) {
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
  } else if (!proxy.empty()) {
    curl_easy_setopt(curl, CURLOPT_PROXY, proxy.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
  }

  const auto file = [curl](CURLoption option, const std::string& path) {
    if (!path.empty()) curl_easy_setopt(curl, option, path.c_str());
  };
  if (made->tls_) {
    auto authorities = settings.trust->store();
    if (!authorities) {
      return UpstreamProblem{
          {}, fmt::format("{}:{}: {}", origin.host, origin.port, authorities.error().message)};
    }
    made->tls_facts_.authorities = std::move(*authorities);
  }
  curl_easy_setopt(curl, CURLOPT_CAINFO, nullptr);
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
  file(CURLOPT_SSLCERT, settings.files.client_cert);
  file(CURLOPT_SSLKEY, settings.files.client_key);
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, adjust);
  made->tls_facts_.settings = &settings;
  curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, &made->tls_facts_);

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) {
    UpstreamProblem problem;
    problem.kind = is_untrusted(code)                  ? UpstreamProblem::Kind::kUntrusted
                   : code == CURLE_ABORTED_BY_CALLBACK ? UpstreamProblem::Kind::kGivenUp
                                                       : UpstreamProblem::Kind::kUnreachable;
    const char* const detail =
        made->error_[0] != '\0' ? made->error_.get() : curl_easy_strerror(code);
    problem.text = fmt::format("{}:{}: {}", origin.host, origin.port, made->explained(detail));
    return problem;
  }
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 1L);
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
  if (fd == CURL_SOCKET_BAD) return UpstreamProblem{{}, "the server closed at once"};
  const char* address = nullptr;
  curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
  if (address != nullptr && straight) made->peer_address_ = address;
  made->fd_ = fd;
  return made;
}

Stream::Io Upstream::read(std::string& out) {
  if (over_) return *over_;
  const size_t before = out.size();
  out.resize(before + kBlockBytes);
  size_t n = 0;
  error_[0] = '\0';
  const CURLcode code = curl_easy_recv(handle_.get(), out.data() + before, kBlockBytes, &n);
  out.resize(before + (code == CURLE_OK ? n : 0));
  answered_ = answered_ || n > 0;
  if (code == CURLE_OK && n > 0) return Io::kBytes;
  if (code == CURLE_AGAIN) return Io::kNothing;
  if (code == CURLE_OK) {
    over_ = tls_ && !close_was_announced(handle_.get()) ? Io::kRagged : Io::kEof;
  } else {
    // libcurl has one code for both; OpenSSL names the end that was not announced.
    const std::string_view why(error_.get());
    over_ = tls_ && why.find("unexpected eof") != std::string_view::npos ? Io::kRagged : Io::kReset;
    // A reset of the connection itself is an answer like any other; but it may have overtaken the
    // alert of a server that did not wait for the request.
    const bool alert = why.find(" alert ") != std::string_view::npos;
    if (tls_ && !answered_ && (alert || misses_certificate())) {
      refusal_ = "the server ended TLS: " + explained(std::string(why));
    }
  }
  return *over_;
}

void Upstream::send(std::string_view bytes) {
  if (broken_ || bytes.empty()) return;
  blocks_.emplace_back(bytes);
  flush();
}

bool Upstream::flush() {
  while (!broken_ && !blocks_.empty()) {
    const std::string& block = blocks_.front();
    size_t n = 0;
    const CURLcode code =
        curl_easy_send(handle_.get(), block.data() + block_at_, block.size() - block_at_, &n);
    if (code == CURLE_AGAIN) return true;
    if (code != CURLE_OK) {
      broken_ = true;
      blocks_.clear();
      return false;
    }
    block_at_ += n;
    if (block_at_ < block.size()) continue;
    blocks_.pop_front();
    block_at_ = 0;
  }
  return !broken_;
}

void Upstream::end_sending() {
  if (!tls_) shutdown(fd_, SHUT_WR);
}

}  // namespace recshim::gateway
