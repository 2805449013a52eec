// See signed_parameters.h.
#include "shim/match/signed_parameters.h"

#include <algorithm>
#include <array>

#include "shim/http/message.h"
#include "shim/match/redact.h"
#include "shim/match/url.h"

namespace recshim::match {
namespace {

struct Scheme {
  std::array<std::string_view, 2> signs;  // both there: a request is signed so
  std::array<std::string_view, 5> drawn;
};
constexpr std::array kSchemes = {
    Scheme{{"x-amz-signature", "x-amz-date"},
           {"x-amz-signature", "x-amz-date", "x-amz-credential", "x-amz-security-token"}},
    Scheme{{"x-goog-signature", "x-goog-date"},
           {"x-goog-signature", "x-goog-date", "x-goog-credential"}},
    Scheme{{"signature", "awsaccesskeyid"}, {"signature", "expires", "timestamp"}},
    Scheme{{"signature", "googleaccessid"}, {"signature", "expires"}},
    Scheme{{"signature", "ossaccesskeyid"}, {"signature", "expires"}},
    Scheme{{"signature", "key-pair-id"}, {"signature", "expires", "policy"}},
    Scheme{{"signature", "signaturenonce"}, {"signature", "signaturenonce", "timestamp"}},
    Scheme{{"sig", "se"}, {"sig", "se", "st", "ske", "skt"}},
    Scheme{{"oauth_signature", "oauth_nonce"},
           {"oauth_signature", "oauth_nonce", "oauth_timestamp"}},
};

}  // namespace

std::vector<bool> drawn_for_signature(const std::vector<std::string>& names) {
  std::vector<std::string> lower;
  for (const std::string& name : names) lower.push_back(http::to_lower(name));
  std::vector<bool> out(names.size(), false);
  for (const Scheme& scheme : kSchemes) {
    const bool signs = std::all_of(scheme.signs.begin(), scheme.signs.end(), [&](auto name) {
      return std::find(lower.begin(), lower.end(), name) != lower.end();
    });
    if (!signs) continue;
    for (size_t i = 0; i < lower.size(); ++i) {
      const bool drawn =
          std::find(scheme.drawn.begin(), scheme.drawn.end(), lower[i]) != scheme.drawn.end();
      if (drawn && !lower[i].empty()) out[i] = true;
    }
  }
  return out;
}

std::string without_signature(std::string_view url) {
  UrlParts parts = split_url(url);
  std::vector<Parameter> parameters = split_parameters(parts.query);
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(decode_parameter(parameter.name));
  const std::vector<bool> drawn = drawn_for_signature(names);
  if (std::find(drawn.begin(), drawn.end(), true) == drawn.end()) return std::string(url);
  for (size_t i = 0; i < drawn.size(); ++i) {
    if (drawn[i] && !parameters[i].value.empty()) parameters[i].value = kRedacted;
  }
  const std::string query = join_parameters(parameters);
  parts.query = query;
  return join_url(parts);
}

}  // namespace recshim::match
