// DNS messages, as far as answering addresses needs them. Pure. Source: RFC 1035 §4.1,
// RFC 6891 (EDNS, ignored), RFC 9460 (type 65).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recshim::control {

struct DnsQuestion {
  std::string name;  // lower case, without the root's dot
  uint16_t type = 0;
  bool internet = false;  // class IN
};

inline constexpr uint16_t kDnsA = 1;

// The one question of a query; nullopt for responses, other operations and what is malformed.
std::optional<DnsQuestion> parse_dns_query(std::string_view message);

// The response to a query that parse_dns_query() took: one A record, or no data.
std::string dns_answer(std::string_view query, std::optional<uint32_t> v4_address);
// The response that says that the server can't tell (RCODE 2).
std::string dns_failure(std::string_view query);

}  // namespace recshim::control
