// Which TLS implementation a file brings or asks for, told from names of libraries and from
// what every build of an implementation leaves in its binary. Knows nothing of doors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/recshim/elf_image.h"

namespace recshim::tools {

enum class TlsKind {
  kOpenSsl3,         // libssl.so.3
  kOpenSsl11,        // libssl.so.1.1
  kOpenSslOld,       // any earlier libssl
  kGnuTls,           // libgnutls
  kNss,              // libssl3, libnss3
  kOtherLibrary,     // mbedTLS, wolfSSL, s2n and their like, linked dynamically
  kStaticOpenSsl,    // inside the file: Node.js, uv's CPython
  kStaticBoringSsl,  // inside the file: Chromium, Bun, gRPC
  kRustls,           // Rust, with the cryptography of ring or aws-lc
  kGoTls,            // Go's crypto/tls
  kJsse              // Java's own
};

struct TlsSign {
  TlsKind kind = TlsKind::kOpenSsl3;
  std::string name;  // for people, with a version where one is known: "OpenSSL 3.0.19"
  // Inside the file and kOtherLibrary only: where the implementation takes its CAs from.
  bool has_own_roots = false;        // a list of CAs is compiled in
  bool reads_system_roots = false;   // knows the places of the system's CA bundle
  bool reads_node_variable = false;  // NODE_EXTRA_CA_CERTS
  bool reads_nss_database = false;   // Chromium's ~/.pki/nssdb
};

// What a needed library of this file name stands for.
std::optional<TlsSign> tls_of_library(const std::string& file_name);

// What the bytes of a file show; empty when it can't be read. A file of 200 MB takes a
// fraction of a second: only sections with data are looked at.
// image: of the same file.
std::vector<TlsSign> scan_for_tls(const std::string& path, const ElfImage& image);

// True for a file made by Go's compiler, whatever it is linked to.
bool is_go_program(const std::string& path, const ElfImage& image);

}  // namespace recshim::tools
