// See socks.h.
#include "shim/flow/socks.h"

#include <arpa/inet.h>

#include <array>
#include <optional>
#include <string>

namespace recshim::flow {
namespace {

constexpr unsigned char kVersion4 = 4;
constexpr unsigned char kVersion5 = 5;
constexpr unsigned char kCredentials = 1;  // RFC 1929's own version
constexpr unsigned char kAddressV4 = 1;
constexpr unsigned char kAddressName = 3;
constexpr unsigned char kAddressV6 = 4;

// Takes fields off the front; short: one of them is not there yet.
struct Fields {
  std::string_view all;
  size_t at = 0;
  bool is_short = false;

  std::string_view take(size_t n) {
    if (is_short || all.size() - at < n) {
      is_short = true;
      return {};
    }
    at += n;
    return all.substr(at - n, n);
  }
  unsigned char byte() {
    const auto one = take(1);
    return one.empty() ? 0 : static_cast<unsigned char>(one[0]);
  }
  uint16_t port() {
    const unsigned high = byte();
    return static_cast<uint16_t>(high << 8 | byte());
  }
  std::string_view until_null() {
    const size_t end = all.find('\0', at);
    if (is_short || end == std::string_view::npos) {
      is_short = true;
      return {};
    }
    const auto text = all.substr(at, end - at);
    at = end + 1;
    return text;
  }
};

std::string address_text(int family, std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (bytes.empty()) return "";
  return inet_ntop(family, bytes.data(), text.data(), text.size()) != nullptr ? text.data() : "";
}

// False: it is none.
bool read_version4(Fields& fields, SocksMessage& out) {
  out.state = SocksMessage::State::kRequest;
  const unsigned char command = fields.byte();
  if (!fields.is_short && command != 1 && command != 2) return false;
  out.target.port = fields.port();
  const std::string_view address = fields.take(4);
  fields.until_null();  // the user
  // 0.0.0.x: a name follows.
  const bool named =
      !fields.is_short && address.starts_with(std::string_view("\0\0\0", 3)) && address[3] != '\0';
  out.target.host = named ? http::to_lower(fields.until_null()) : address_text(AF_INET, address);
  return true;
}

bool read_version5(Fields& fields, SocksMessage& out) {
  out.state = SocksMessage::State::kRequest;
  const unsigned char command = fields.byte();
  if (!fields.is_short && (command < 1 || command > 3)) return false;
  fields.byte();  // reserved
  switch (const unsigned char type = fields.byte(); type) {
    case kAddressV4:
      out.target.host = address_text(AF_INET, fields.take(4));
      break;
    case kAddressV6:
      out.target.host = address_text(AF_INET6, fields.take(16));
      break;
    case kAddressName:
      out.target.host = http::to_lower(fields.take(fields.byte()));
      break;
    default:
      return fields.is_short;
  }
  out.target.port = fields.port();
  return true;
}

bool read_greeting(Fields& fields, SocksMessage& out) {
  out.state = SocksMessage::State::kGreeting;
  const unsigned char methods = fields.byte();
  fields.take(methods);
  return fields.is_short || methods > 0;
}

bool read_credentials(Fields& fields, SocksMessage& out) {
  out.state = SocksMessage::State::kGreeting;
  fields.take(fields.byte());
  fields.take(fields.byte());
  return true;
}

}  // namespace

SocksMessage read_socks(std::string_view bytes, bool greeted) {
  SocksMessage out;
  Fields fields{bytes};
  const unsigned char version = fields.byte();
  bool read = fields.is_short;
  if (!read && !greeted && version == kVersion4) read = read_version4(fields, out);
  if (!read && !greeted && version == kVersion5) read = read_greeting(fields, out);
  if (!read && greeted && version == kCredentials) read = read_credentials(fields, out);
  if (!read && greeted && version == kVersion5) read = read_version5(fields, out);
  if (!read) return {};
  if (fields.is_short) return {SocksMessage::State::kNeedMore, 0, {}};
  out.size_bytes = fields.at;
  return out;
}

}  // namespace recshim::flow
