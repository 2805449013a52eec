// See client_hello.h.
#include "shim/flow/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "shim/http/message.h"

namespace recshim::flow {
namespace {

constexpr char kHandshakeRecord = 22;
constexpr char kClientHello = 1;
constexpr size_t kRecordHeadBytes = 5;
constexpr size_t kMessageHeadBytes = 4;

// Reads big-endian fields; `ok` turns false at the first that is not there.
struct Reader {
  std::string_view rest;
  bool ok = true;

  std::string_view take(size_t n) {
    if (n > rest.size()) {
      ok = false;
      rest = {};
      return {};
    }
    const auto taken = rest.substr(0, n);
    rest.remove_prefix(n);
    return taken;
  }
  size_t number(size_t bytes) {
    size_t value = 0;
    for (const char c : take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  Reader vector(size_t length_bytes) {
    const size_t length = number(length_bytes);
    return Reader{take(length), ok};
  }
};

// What the records at the front of bytes hold; the last may be cut off. False: another kind of
// record, or another protocol, follows.
bool join_records(std::string_view bytes, std::string& message) {
  while (!bytes.empty()) {
    if (bytes[0] != kHandshakeRecord) return false;
    if (bytes.size() < kRecordHeadBytes) return true;
    const size_t length = Reader{bytes.substr(3)}.number(2);
    message += bytes.substr(kRecordHeadBytes, length);
    bytes.remove_prefix(std::min(bytes.size(), kRecordHeadBytes + length));
  }
  return true;
}

constexpr size_t kServerName = 0;
constexpr size_t kAlpn = 16;

std::string server_name_of(Reader data) {
  Reader list = data.vector(2);
  if (list.number(1) != 0) return "";  // host_name
  const Reader name = list.vector(2);
  return name.ok ? http::to_lower(name.rest) : "";
}

std::vector<std::string> protocols_of(Reader data) {
  std::vector<std::string> names;
  Reader list = data.vector(2);
  while (list.ok && !list.rest.empty()) {
    const Reader name = list.vector(1);
    if (name.ok) names.emplace_back(name.rest);
  }
  return names;
}

}  // namespace

bool ClientHello::offers(std::string_view protocol) const {
  return std::find(protocols.begin(), protocols.end(), protocol) != protocols.end();
}

ClientHello read_client_hello(std::string_view first_bytes) {
  using State = ClientHello::State;
  ClientHello result;
  std::string message;
  const bool may_go_on = join_records(first_bytes, message);
  if (!message.empty() && message[0] != kClientHello) return result;
  Reader reader{message};
  reader.number(1);
  Reader hello = reader.vector(3);
  if (message.size() < kMessageHeadBytes || !reader.ok) {
    result.state = may_go_on ? State::kNeedMore : State::kNone;
    return result;
  }
  hello.number(2);  // legacy_version
  const auto random = hello.take(result.random.size());
  hello.vector(1);  // legacy_session_id
  hello.vector(2);  // cipher_suites
  hello.vector(1);  // legacy_compression_methods
  if (!hello.ok) return result;
  result.state = State::kWhole;
  std::memcpy(result.random.data(), random.data(), random.size());
  Reader extensions = hello.vector(2);
  while (extensions.ok && !extensions.rest.empty()) {
    const size_t type = extensions.number(2);
    const Reader data = extensions.vector(2);
    if (type == kServerName) result.server_name = server_name_of(data);
    if (type == kAlpn) result.protocols = protocols_of(data);
  }
  return result;
}

}  // namespace recshim::flow
