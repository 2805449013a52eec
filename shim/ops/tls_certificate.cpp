// See tls_certificate.h.
#include "shim/ops/tls_certificate.h"

#include <arpa/inet.h>

#include <cstdint>

namespace recshim::ops {
namespace {

using std::literals::operator""sv;

// ASN.1 tags (X.690 §8).
constexpr char kBoolean = 0x01, kInteger = 0x02, kBitString = 0x03, kOctetString = 0x04,
               kOid = 0x06, kUtf8 = 0x0c, kUtcTime = 0x17, kGeneralizedTime = 0x18,
               kSequence = 0x30, kSet = 0x31;

// Object identifiers, encoded.
constexpr std::string_view kCommonName = "\x55\x04\x03"sv;                      // 2.5.4.3
constexpr std::string_view kEcPublicKey = "\x2a\x86\x48\xce\x3d\x02\x01"sv;     // 1.2.840.10045.2.1
constexpr std::string_view kPrime256v1 = "\x2a\x86\x48\xce\x3d\x03\x01\x07"sv;  // …10045.3.1.7
constexpr std::string_view kEcdsaSha256 = "\x2a\x86\x48\xce\x3d\x04\x03\x02"sv;  // …10045.4.3.2
constexpr std::string_view kSubjectAltName = "\x55\x1d\x11"sv;                   // 2.5.29.17
constexpr std::string_view kBasicConstraints = "\x55\x1d\x13"sv;                 // 2.5.29.19
constexpr std::string_view kKeyUsage = "\x55\x1d\x0f"sv;                         // 2.5.29.15
constexpr std::string_view kExtKeyUsage = "\x55\x1d\x25"sv;                      // 2.5.29.37
constexpr std::string_view kServerAuth = "\x2b\x06\x01\x05\x05\x07\x03\x01"sv;

// A point of P-256, uncompressed (SEC 1 §2.3.3). Its private half was never kept.
constexpr std::string_view kPublicKey =
    "\x04\xa0\x5c\xb0\xfb\xc8\xde\xc8\xe7\x54\x5d\xb9\x6a\xab\xe2\x38\xd5\x3e\x7b\x25\xbb\x42"
    "\x07\x3c\xda\xf0\xe8\x65\x18\x0e\x84\xdb\x38\x09\x63\x6f\xc4\x8b\x86\x27\xd8\xf1\x23\x04"
    "\x2d\x55\x90\x12\x64\x87\xbf\x94\xbf\x49\xc4\x59\x05\x67\x17\x31\xc8\x96\x03\xf9\xbf"sv;

// RFC 5280 appendix A.1: ub-common-name.
constexpr size_t kCommonNameMax = 64;

std::string name_of(std::string_view common_name) {
  if (common_name.size() > kCommonNameMax) return der(kSequence, {});
  const std::string pair = der(kSequence, {der(kOid, {kCommonName}), der(kUtf8, {common_name})});
  return der(kSequence, {der(kSet, {pair})});
}

std::string alt_name_of(std::string_view host) {
  std::string text(host);
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    text = text.substr(1, text.size() - 2);
  }
  unsigned char address[16];
  constexpr char kDnsName = '\x82', kIpAddress = '\x87';  // RFC 5280 §4.2.1.6
  const char* bytes = reinterpret_cast<const char*>(address);
  if (inet_pton(AF_INET, text.c_str(), address) == 1) {
    return der(kIpAddress, {{bytes, 4}});
  }
  if (inet_pton(AF_INET6, text.c_str(), address) == 1) {
    return der(kIpAddress, {{bytes, 16}});
  }
  return der(kDnsName, {text});
}

std::string extension(std::string_view oid, bool critical, const std::string& value) {
  const std::string flag = critical ? der(kBoolean, {"\xff"sv}) : std::string();
  return der(kSequence, {der(kOid, {oid}), flag, der(kOctetString, {value})});
}

// A positive number that differs from host to host (FNV-1a), so that a program which keeps
// certificates by issuer and serial keeps them apart.
std::string serial_of(std::string_view host) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (unsigned char c : host) hash = (hash ^ c) * 0x100000001b3U;
  hash = (hash & 0x3fffffffffffffffU) | 0x4000000000000000U;  // eight bytes, not negative
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(hash >> shift);
  return der(kInteger, {bytes});
}

}  // namespace

std::string der(char tag, std::initializer_list<std::string_view> parts) {
  std::string content;
  for (std::string_view part : parts) content += part;
  std::string out(1, tag);
  const size_t n = content.size();
  if (n < 0x80) {
    out += static_cast<char>(n);
  } else if (n < 0x100) {
    out += '\x81';
    out += static_cast<char>(n);
  } else {
    out += '\x82';
    out += static_cast<char>(n >> 8);
    out += static_cast<char>(n & 0xff);
  }
  return out + content;
}

std::string synthetic_certificate(std::string_view host) {
  // Longer than a DNS name can be, or nothing: a certificate for no one.
  if (host.empty() || host.size() > 253) host = "unknown.invalid";
  const std::string algorithm = der(kSequence, {der(kOid, {kEcdsaSha256})});
  const std::string validity = der(kSequence, {der(kUtcTime, {"000101000000Z"sv}),
                                               der(kGeneralizedTime, {"20991231235959Z"sv})});
  const std::string key =
      der(kSequence, {der(kSequence, {der(kOid, {kEcPublicKey}), der(kOid, {kPrime256v1})}),
                      der(kBitString, {"\0"sv, kPublicKey})});
  const std::string extensions = der(
      kSequence, {extension(kBasicConstraints, true, der(kSequence, {})),
                  extension(kKeyUsage, true, der(kBitString, {"\x07\x80"sv})),  // digitalSignature
                  extension(kExtKeyUsage, false, der(kSequence, {der(kOid, {kServerAuth})})),
                  extension(kSubjectAltName, false, der(kSequence, {alt_name_of(host)}))});
  const std::string version = der('\xa0', {der(kInteger, {"\x02"sv})});  // v3
  const std::string body =
      der(kSequence, {version, serial_of(host), algorithm, name_of("recshim replay"), validity,
                      name_of(host), key, der('\xa3', {extensions})});
  const std::string half = der(kInteger, {std::string(32, '\x11')});
  const std::string signature = der(kBitString, {"\0"sv, der(kSequence, {half, half})});
  return der(kSequence, {body, algorithm, signature});
}

}  // namespace recshim::ops
