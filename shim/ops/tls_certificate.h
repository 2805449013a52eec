// The certificate a virtual TLS session shows as its peer's: for programs that look at
// its names and dates, not a credential. Knows X.509's encoding; does not know any TLS
// library.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace recshim::ops {

// DER of an X.509 v3 certificate (RFC 5280 §4.1) for host: SAN of type dNSName, or
// iPAddress when host is an address (IPv6 without or with brackets); valid from 2000 to
// 2099; a P-256 key nobody has the private half of. The signature has the right form and
// verifies under no key. Equal hosts give equal bytes.
[[nodiscard]] std::string synthetic_certificate(std::string_view host);

// One element in DER (X.690 §8) of less than 64 KiB: its tag, its length, and the parts.
[[nodiscard]] std::string der(char tag, std::initializer_list<std::string_view> parts);

}  // namespace recshim::ops
