// RECSHIM_HOSTS and RECSHIM_CONNECT_TO: their syntax, and which host and port they mean.
// Looks nothing up: names and addresses come as text.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "shim/control/config.h"
#include "shim/control/values.h"

namespace recshim::control {
namespace {

using Address = std::array<uint8_t, 16>;

Error invalid(std::string message) {
  return {ErrorCode::kInvalid, std::move(message)};
}

// IPv4 becomes v4-mapped (RFC 4291 §2.5.5.2). is_v4 may be null.
std::optional<Address> parse_address(std::string_view text, bool* is_v4) {
  const std::string terminated(text);
  Address address{};
  if (inet_pton(AF_INET, terminated.c_str(), &address[12]) == 1) {
    address[10] = address[11] = 0xff;
    if (is_v4 != nullptr) *is_v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) {
    if (is_v4 != nullptr) *is_v4 = false;
    return address;
  }
  return std::nullopt;
}

bool in_network(const Address& address, const Address& network, int prefix_bits) {
  const int whole_bytes = prefix_bits / 8;
  if (!std::equal(address.begin(), address.begin() + whole_bytes, network.begin())) return false;
  const int rest_bits = prefix_bits % 8;
  if (rest_bits == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest_bits));
  return ((address[whole_bytes] ^ network[whole_bytes]) & mask) == 0;
}

std::optional<int> parse_number(std::string_view text, int low, int high) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, number);
  if (text.empty() || problem != std::errc{} || stop != end || number < low || number > high) {
    return std::nullopt;
  }
  return number;
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.back() == '.' ||
      text.find("..") != std::string_view::npos) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

// Lower case and without the root's dot: the form in which hosts are compared.
std::string plain_name(std::string_view text) {
  std::string name = http::to_lower(text);
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

struct HostAndRest {
  std::string_view host;  // without brackets
  std::string_view rest;  // what follows it: "", "/bits", ":port", "/bits:port"
};

// Splits the host from what may follow it. An IPv6 address needs brackets only before a
// port; without them every colon is the address's.
std::optional<HostAndRest> split_host(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    return HostAndRest{text.substr(1, close - 1), text.substr(close + 1)};
  }
  const bool bare_ipv6 = std::count(text.begin(), text.end(), ':') > 1;
  const size_t end = text.find_first_of(bare_ipv6 ? "/" : ":/");
  if (end == std::string_view::npos) return HostAndRest{text, {}};
  return HostAndRest{text.substr(0, end), text.substr(end)};
}

Error bad_rule(std::string_view text, std::string_view why) {
  return invalid(
      fmt::format("\"{}\": {}; use host, host:port, *.suffix, *, an address or a network such as "
                  "10.0.0.0/8, each with ! before it to exclude it",
                  text, why));
}

// "host:port" or "[address]:port", for one side of RECSHIM_CONNECT_TO.
bool parse_endpoint(std::string_view text, std::string* host, uint16_t* port) {
  const auto split = split_host(text);
  if (!split || !split->rest.starts_with(':')) return false;
  const auto number = parse_number(split->rest.substr(1), 1, 65535);
  std::string name = plain_name(split->host);
  if (!number || !(is_name(name) || parse_address(name, nullptr))) return false;
  *host = std::move(name);
  *port = static_cast<uint16_t>(*number);
  return true;
}

bool same_host(const std::string& a, const std::string& b) {
  if (a == b) return true;
  const auto address_a = parse_address(a, nullptr);
  return address_a && address_a == parse_address(b, nullptr);
}

bool covers_host(const HostRule& rule, const std::string& name,
                 const std::optional<Address>& address) {
  if (rule.any) return true;
  if (rule.is_cidr) return address && in_network(*address, rule.network, rule.prefix_bits);
  if (rule.is_suffix) return name.size() > rule.host.size() && name.ends_with(rule.host);
  return name == rule.host;
}

}  // namespace

Result<HostRule> parse_host_rule(std::string_view text) {
  HostRule rule;
  rule.pattern = text;
  std::string_view body = text;
  if (body.starts_with('!')) {
    rule.exclude = true;
    body.remove_prefix(1);
  }
  if (body.find("://") != std::string_view::npos) {
    return bad_rule(text, "it is a URL, and a host is needed");
  }
  const auto split = split_host(body);
  if (!split) return bad_rule(text, "the bracket is not closed");
  std::string_view rest = split->rest;

  const std::string host = plain_name(split->host);
  bool is_v4 = false;
  if (const auto address = parse_address(host, &is_v4)) {
    rule.is_cidr = true;
    rule.network = *address;
    rule.prefix_bits = 128;
    if (rest.starts_with('/')) {
      const size_t colon = std::min(rest.find(':'), rest.size());
      const auto bits = parse_number(rest.substr(1, colon - 1), 0, is_v4 ? 32 : 128);
      if (!bits) return bad_rule(text, "the number of bits after / is wrong");
      rule.prefix_bits = *bits + (is_v4 ? 96 : 0);
      rest = rest.substr(colon);
    }
  } else if (split->host == "*") {
    rule.any = true;
  } else if (host.starts_with("*.")) {
    rule.is_suffix = true;
    rule.host = host.substr(1);
    if (!is_name(host.substr(2))) return bad_rule(text, "this is not a name after *.");
  } else {
    rule.host = host;
    if (!is_name(host)) return bad_rule(text, "this is not a host");
  }

  if (rest.empty()) return rule;
  if (rest.front() != ':') return bad_rule(text, "a network must be given by its address");
  const auto port = parse_number(rest.substr(1), 1, 65535);
  if (!port) return bad_rule(text, "the port must be a number from 1 to 65535");
  rule.port = static_cast<uint16_t>(*port);
  return rule;
}

Result<ConnectTo> parse_connect_to(std::string_view text) {
  ConnectTo entry;
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos ||
      !parse_endpoint(text.substr(0, equals), &entry.host, &entry.port) ||
      !parse_endpoint(text.substr(equals + 1), &entry.target_address, &entry.target_port)) {
    return invalid(fmt::format(
        "\"{}\" is not of the form host:port=addr:port, such as api.example.com:443=127.0.0.1:8443 "
        "or api.example.com:443=[::1]:8443",
        text));
  }
  return entry;
}

HostMatcher::HostMatcher(const Config& config,
                         std::function<bool(const std::string& host)> is_local)
    : config_(config),
      has_include_(std::any_of(config.hosts.begin(), config.hosts.end(),
                               [](const HostRule& rule) { return !rule.exclude; })),
      is_local_(std::move(is_local)) {}

// What the rules say of a host alone.
HostMatcher::Verdict HostMatcher::judge(const std::string& host, uint16_t port) const {
  if (connect_to(host, port) != nullptr) return Verdict::kIncluded;
  const std::string name = plain_name(host);
  const auto address = parse_address(name, nullptr);
  Verdict verdict = Verdict::kNone;
  for (const HostRule& rule : config_.hosts) {
    if (!covers_host(rule, name, address)) continue;
    if (rule.exclude) {
      // With port 0 the question is whether any port is left.
      if (!rule.port || rule.port == port) return Verdict::kExcluded;
    } else if (!rule.port || port == 0 || rule.port == port) {
      verdict = Verdict::kIncluded;
    }
  }
  return verdict;
}

bool HostMatcher::configured(const std::string& host, uint16_t port,
                             const std::string& address) const {
  if (connect_to(host, port) != nullptr) return true;
  const Verdict by_host = judge(host, port);
  const Verdict by_address = address.empty() ? Verdict::kNone : judge(address, port);
  if (by_host == Verdict::kExcluded || by_address == Verdict::kExcluded) return false;
  if (by_host == Verdict::kIncluded || by_address == Verdict::kIncluded) return true;
  if (has_include_ || (port != 0 && port != 80 && port != 443)) return false;
  return !is_local_(plain_name(host)) || (!address.empty() && !is_local_(address));
}

bool HostMatcher::excluded(const std::string& host, uint16_t port) const {
  return judge(host, port) == Verdict::kExcluded;
}

const ConnectTo* HostMatcher::connect_to(const std::string& host, uint16_t port) const {
  const std::string name = plain_name(host);
  for (const ConnectTo& entry : config_.connect_to) {
    if ((port == 0 || entry.port == port) && same_host(entry.host, name)) return &entry;
  }
  return nullptr;
}

}  // namespace recshim::control
