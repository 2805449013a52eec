// What a TLS client offers by ALPN (RFC 7301 §3.1). Knows neither library.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shim/runtime/tls_gate.h"

namespace recshim::ops {

inline constexpr std::string_view kHttp11 = "http/1.1";
inline constexpr std::string_view kHttp2 = "h2";
// http/1.1 alone in wire format: what an offer is narrowed to.
inline constexpr std::string_view kHttp11List = "\x08http/1.1";

// The names in an offer in wire format (each behind its length byte). A list that breaks
// the format gives no names, as the libraries refuse it.
[[nodiscard]] std::vector<std::string> parse_alpn(std::string_view wire);
[[nodiscard]] runtime::AlpnOffer classify_alpn(const std::vector<std::string>& names);
// What a server that is played chooses of an offer; empty: nothing.
[[nodiscard]] std::string_view choose_alpn(const std::vector<std::string>& names);
// The offer has http/1.1 and others, so that another could be chosen.
[[nodiscard]] bool must_narrow_alpn(const std::vector<std::string>& names);

// A host name as decide_tls wants it: lower case, without the root's dot.
[[nodiscard]] std::string plain_host(std::string_view name);

}  // namespace recshim::ops
