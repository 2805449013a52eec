// RFC 9112 §6.3, rule by rule.
#include "shim/http/body_rule.h"

#include <limits>

#include "shim/http/grammar.h"

namespace recshim::http {
namespace {

struct TransferCodings {
  bool any = false;  // apart from "identity", which RFC 2616 had and means none
  bool chunked = false;
};

TransferCodings transfer_codings(const Headers& headers) {
  TransferCodings codings;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "Transfer-Encoding")) continue;
    for_each_element(header.value, [&](std::string_view element) {
      const std::string_view name = trim_ows(element.substr(0, element.find(';')));
      if (equals_ignoring_case(name, "identity")) return;
      codings.any = true;
      codings.chunked |= equals_ignoring_case(name, "chunked");
    });
  }
  return codings;
}

// 1*DIGIT (RFC 9110 §8.6).
std::optional<uint64_t> parse_length(std::string_view digits) {
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

// The value all Content-Length fields agree on; nullopt without any.
Result<std::optional<uint64_t>> content_length(const Headers& headers) {
  std::optional<uint64_t> agreed;
  for (const Header& header : headers) {
    if (!equals_ignoring_case(header.name, "Content-Length")) continue;
    bool valid = !header.value.empty();
    for_each_element(header.value, [&](std::string_view element) {
      const auto length = parse_length(element);
      valid = valid && length.has_value() && agreed.value_or(*length) == *length;
      agreed = length;
    });
    if (!valid || !agreed.has_value()) {
      return Error{ErrorCode::kInvalid, "Content-Length \"" + header.value +
                                            "\" is not a number, or not the one given before"};
    }
  }
  return agreed;
}

}  // namespace

Result<BodyRule> request_body_rule(const RequestHead& head) {
  // What follows a CONNECT is the tunnel's (RFC 9110 §9.3.6).
  if (head.method == "CONNECT") return BodyRule{};
  const TransferCodings codings = transfer_codings(head.headers);
  if (codings.chunked) return BodyRule{Framing::kChunked, 0};
  if (codings.any) {
    return Error{ErrorCode::kInvalid, "Transfer-Encoding of a request without chunked"};
  }
  auto length = content_length(head.headers);
  if (!length.ok()) return length.error();
  if (length->has_value()) return BodyRule{Framing::kLength, **length};
  return BodyRule{};
}

Result<BodyRule> response_body_rule(const ResponseHead& head, std::string_view method) {
  if (method == "HEAD" || head.status == 204 || head.status == 304) return BodyRule{};
  const TransferCodings codings = transfer_codings(head.headers);
  if (codings.chunked) return BodyRule{Framing::kChunked, 0};
  if (codings.any) return BodyRule{Framing::kUntilClose, 0};
  auto length = content_length(head.headers);
  if (!length.ok()) return length.error();
  if (length->has_value()) return BodyRule{Framing::kLength, **length};
  return BodyRule{Framing::kUntilClose, 0};
}

}  // namespace recshim::http
