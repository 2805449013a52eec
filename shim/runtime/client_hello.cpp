// See client_hello.h.
#include "shim/runtime/client_hello.h"

#include <cstdint>
#include <cstring>

#include "shim/http/message.h"

namespace recshim::runtime {
namespace {

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

}  // namespace

std::optional<ClientHello> parse_client_hello(std::string_view first_bytes) {
  Reader record{first_bytes};
  if (record.number(1) != 22) return std::nullopt;  // handshake
  record.number(2);                                 // legacy_record_version
  Reader fragment = record.vector(2);
  if (fragment.number(1) != 1) return std::nullopt;  // client_hello
  Reader hello = fragment.vector(3);
  hello.number(2);  // legacy_version
  const auto random = hello.take(32);
  hello.vector(1);  // legacy_session_id
  hello.vector(2);  // cipher_suites
  hello.vector(1);  // legacy_compression_methods
  if (!hello.ok || random.size() != 32) return std::nullopt;
  ClientHello result;
  std::memcpy(result.random.data(), random.data(), 32);
  Reader extensions = hello.vector(2);
  while (extensions.ok && !extensions.rest.empty()) {
    const size_t type = extensions.number(2);
    Reader data = extensions.vector(2);
    if (type != 0) continue;  // server_name
    Reader list = data.vector(2);
    if (list.number(1) != 0) break;  // host_name
    Reader name = list.vector(2);
    if (name.ok) result.server_name = http::to_lower(name.rest);
    break;
  }
  return result;
}

}  // namespace recshim::runtime
