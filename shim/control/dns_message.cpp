// See dns_message.h.
#include "shim/control/dns_message.h"

#include "shim/http/message.h"

namespace recshim::control {
namespace {

constexpr size_t kHeaderSize = 12;
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxName = 255;
constexpr uint32_t kTimeToLive_s = 1;  // a session ends sooner than a cache forgets

uint16_t number_at(std::string_view message, size_t at) {
  return static_cast<uint16_t>(static_cast<unsigned char>(message[at]) << 8 |
                               static_cast<unsigned char>(message[at + 1]));
}

void append_number(std::string& out, uint32_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

// Where the first question ends; 0 when it is malformed. name may be null.
size_t end_of_question(std::string_view message, std::string* name) {
  size_t at = kHeaderSize;
  size_t name_size = 0;
  while (at < message.size() && message[at] != 0) {
    const size_t length = static_cast<unsigned char>(message[at]);
    // A pointer (the two upper bits) has nothing to point to in the first name.
    if (length > kMaxLabel || at + 1 + length >= message.size()) return 0;
    name_size += length + 1;
    if (name_size > kMaxName) return 0;
    if (name != nullptr) {
      if (!name->empty()) name->push_back('.');
      name->append(message.substr(at + 1, length));
    }
    at += 1 + length;
  }
  return at + 5 <= message.size() ? at + 5 : 0;
}

// The header and question of a response. Bits: QR, the query's opcode and RD, AA, RA; without
// AA and RA an answer without data would look like a lame server's.
std::string start_response(std::string_view query, uint16_t answers, uint8_t rcode) {
  std::string out(query.substr(0, 2));
  out.push_back(static_cast<char>(0x84 | (query[2] & 0x79)));
  out.push_back(static_cast<char>(0x80 | rcode));
  append_number(out, 1, 2);
  append_number(out, answers, 2);
  append_number(out, 0, 4);
  out.append(query.substr(kHeaderSize, end_of_question(query, nullptr) - kHeaderSize));
  return out;
}

}  // namespace

std::optional<DnsQuestion> parse_dns_query(std::string_view message) {
  if (message.size() < kHeaderSize) return std::nullopt;
  const bool is_response = (message[2] & 0x80) != 0;
  const int operation = (message[2] >> 3) & 15;
  if (is_response || operation != 0 || number_at(message, 4) != 1) return std::nullopt;
  DnsQuestion question;
  std::string name;
  const size_t end = end_of_question(message, &name);
  if (end == 0) return std::nullopt;
  question.name = http::to_lower(name);
  question.type = number_at(message, end - 4);
  question.internet = number_at(message, end - 2) == 1;
  return question;
}

std::string dns_answer(std::string_view query, std::optional<uint32_t> v4_address) {
  std::string out = start_response(query, v4_address ? 1 : 0, 0);
  if (!v4_address) return out;
  append_number(out, 0xc000 | kHeaderSize, 2);  // the question's name
  append_number(out, kDnsA, 2);
  append_number(out, 1, 2);
  append_number(out, kTimeToLive_s, 4);
  append_number(out, 4, 2);
  append_number(out, *v4_address, 4);
  return out;
}

std::string dns_failure(std::string_view query) {
  return start_response(query, 0, 2);
}

}  // namespace recshim::control
