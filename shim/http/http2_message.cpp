// See http2_message.h.
#include "shim/http/http2_message.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace recshim::http {
namespace {

constexpr const char* kVersion = "2";

bool is_about_connection(std::string_view lower_name) {
  constexpr std::array<std::string_view, 5> kNames = {
      "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  return std::find(kNames.begin(), kNames.end(), lower_name) != kNames.end();
}

void append_lower(const Headers& headers, Headers& out) {
  for (const Header& header : headers) {
    std::string name = to_lower(header.name);
    if (is_about_connection(name)) continue;
    // Both versions allow it with this value alone.
    if (name == "te" && !equals_ignoring_case(header.value, "trailers")) continue;
    out.push_back({std::move(name), header.value});
  }
}

void add_cookie(Header crumb, Headers& headers) {
  const auto known = std::find_if(headers.begin(), headers.end(),
                                  [](const Header& header) { return header.name == "cookie"; });
  if (known == headers.end()) {
    headers.push_back(std::move(crumb));
  } else {
    known->value += "; " + crumb.value;
  }
}

}  // namespace

std::optional<RequestHead> http2_request(Headers fields) {
  RequestHead head;
  head.version = kVersion;
  std::string authority;
  for (Header& field : fields) {
    if (field.name == ":method") {
      head.method = std::move(field.value);
    } else if (field.name == ":path") {
      head.target = std::move(field.value);
    } else if (field.name == ":authority") {
      authority = std::move(field.value);
    } else if (field.name == "cookie") {
      add_cookie(std::move(field), head.headers);
    } else if (!field.name.starts_with(':')) {
      head.headers.push_back(std::move(field));
    }
  }
  if (head.method == "CONNECT" && head.target.empty()) head.target = authority;
  if (head.method.empty() || head.target.empty()) return std::nullopt;
  if (!authority.empty()) {
    std::erase_if(head.headers, [](const Header& header) { return header.name == "host"; });
    head.headers.insert(head.headers.begin(), {"host", std::move(authority)});
  }
  return head;
}

std::optional<ResponseHead> http2_response(Headers fields) {
  ResponseHead head;
  head.version = kVersion;
  for (Header& field : fields) {
    if (field.name == ":status") {
      const std::string& digits = field.value;
      if (digits.size() != 3 || digits.find_first_not_of("0123456789") != std::string::npos) {
        return std::nullopt;
      }
      head.status = std::stoi(digits);
    } else if (!field.name.starts_with(':')) {
      head.headers.push_back(std::move(field));
    }
  }
  if (head.status < 100) return std::nullopt;
  return head;
}

Headers http2_fields(const ResponseHead& head) {
  Headers out = {{":status", std::to_string(head.status)}};
  append_lower(head.headers, out);
  return out;
}

Headers http2_fields(const RequestHead& head, const std::string& scheme) {
  Headers out = {{":method", head.method},
                 {":scheme", scheme},
                 {":authority", std::string(find_header(head.headers, "host").value_or(""))},
                 {":path", head.target}};
  append_lower(head.headers, out);
  std::erase_if(out, [](const Header& header) { return header.name == "host"; });
  return out;
}

Headers http2_trailers(const Headers& trailers) {
  Headers out;
  append_lower(trailers, out);
  return out;
}

ResponseHead http1_response(ResponseHead head, Framing framing, bool to_head) {
  if (head.version != kVersion) return head;
  head.version = "1.1";
  head.exact.clear();
  const bool may_have_body = head.status >= 200 && head.status != 204 && head.status != 304;
  if (framing == Framing::kChunked) head.headers.push_back({"transfer-encoding", "chunked"});
  if (framing == Framing::kNone && may_have_body && !to_head) {
    head.headers.push_back({"content-length", "0"});  // or it would go until the connection's end
  }
  return head;
}

}  // namespace recshim::http
