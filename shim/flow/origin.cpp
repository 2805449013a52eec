// Authorities and targets taken apart. Owns no state.
#include "shim/flow/origin.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace recshim::flow {
namespace {

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

std::optional<http::Origin> parse_authority(std::string_view authority, uint16_t default_port) {
  // Userinfo is not part of the host (RFC 3986 §3.2.1).
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  std::string_view host;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, bracket - 1);
    port = authority.substr(bracket + 1);
    if (!port.empty() && !port.starts_with(':')) return std::nullopt;
  } else {
    const auto colon = authority.find(':');
    host = authority.substr(0, colon);
    port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (port.starts_with(':')) port.remove_prefix(1);
  if (host.empty()) return std::nullopt;

  http::Origin origin;
  origin.host = http::to_lower(host);
  origin.port = default_port;
  if (!port.empty()) {
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), origin.port);
    if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  }
  if (origin.port == 0) return std::nullopt;
  return origin;
}

std::optional<http::Origin> absolute_target_origin(std::string_view target) {
  if (target.starts_with('/')) return std::nullopt;
  const auto scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  const std::string scheme = http::to_lower(target.substr(0, scheme_end));
  uint16_t default_port = 0;
  if (scheme == "http") {
    default_port = 80;
  } else if (scheme == "https") {
    default_port = 443;
  } else {
    return std::nullopt;
  }
  target.remove_prefix(scheme_end + 3);
  auto origin = parse_authority(target.substr(0, target.find_first_of("/?#")), default_port);
  if (origin) origin->scheme = scheme;
  return origin;
}

bool is_numeric_host(std::string_view host) {
  if (host.find(':') != std::string_view::npos) {
    return all_of(host.substr(0, host.find('%')), "0123456789abcdefABCDEF:.");
  }
  return all_of(host, "0123456789.") && std::count(host.begin(), host.end(), '.') == 3;
}

std::optional<http::Origin> host_header(const http::RequestHead& head, uint16_t default_port) {
  return parse_authority(http::find_header(head.headers, "Host").value_or(""), default_port);
}

http::Origin request_origin(const http::Origin& connection, const http::RequestHead& head) {
  if (auto named = absolute_target_origin(head.target)) return *named;
  http::Origin origin = connection;
  if (!is_numeric_host(origin.host)) return origin;
  const auto named = host_header(head, 80);
  if (named && !is_numeric_host(named->host)) origin.host = named->host;
  return origin;
}

void name_by_host_header(http::Origin& target, const http::RequestHead& head,
                         const std::string& address,
                         const std::function<bool(const std::string&)>& may_be) {
  if (address.empty()) return;
  const auto named = host_header(head, target.port);
  if (!named || (may_be && !may_be(named->host))) return;
  target.host = is_numeric_host(named->host) ? address : named->host;
}

bool asks_to_close(const http::RequestHead& head) {
  if (http::header_has_token(head.headers, "Connection", "close")) return true;
  return head.version == "1.0" && !http::header_has_token(head.headers, "Connection", "keep-alive");
}

}  // namespace recshim::flow
