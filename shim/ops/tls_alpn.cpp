// See tls_alpn.h.
#include "shim/ops/tls_alpn.h"

#include <algorithm>

namespace recshim::ops {

std::vector<std::string> parse_alpn(std::string_view wire) {
  std::vector<std::string> names;
  while (!wire.empty()) {
    const size_t length = static_cast<unsigned char>(wire.front());
    if (length == 0 || length >= wire.size()) return {};
    names.emplace_back(wire.substr(1, length));
    wire.remove_prefix(1 + length);
  }
  return names;
}

runtime::AlpnOffer classify_alpn(const std::vector<std::string>& names) {
  if (names.empty()) return runtime::AlpnOffer::kNone;
  const auto offers = [&](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (offers(kHttp11)) return runtime::AlpnOffer::kHasHttp11;
  if (offers(kHttp2)) return runtime::AlpnOffer::kHasHttp2;
  // HTTP/1.0 alone is as good as no offer: nothing is to be narrowed or selected.
  return offers("http/1.0") ? runtime::AlpnOffer::kNone : runtime::AlpnOffer::kOnlyOther;
}

std::string_view choose_alpn(const std::vector<std::string>& names) {
  switch (classify_alpn(names)) {
    case runtime::AlpnOffer::kHasHttp11:
      return kHttp11;
    case runtime::AlpnOffer::kHasHttp2:
      return kHttp2;
    default:
      return "";
  }
}

bool must_narrow_alpn(const std::vector<std::string>& names) {
  return names.size() > 1 && classify_alpn(names) == runtime::AlpnOffer::kHasHttp11;
}

std::string plain_host(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string host(name);
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return host;
}

}  // namespace recshim::ops
