// What makes a program trust the session's CA without being told to: bundles of CAs that it
// opens are answered with the same bundle and our CA behind it. For TLS that is done by the
// gateway (Node, Java, rustls, statically linked OpenSSL).
#pragma once

namespace recshim::runtime {

// Decides whether anything here is wanted in this process, and points NODE_EXTRA_CA_CERTS
// and DENO_CERT of a Node or Deno that has none at our CA. Call once, in start().
void prepare_trust();

// False where no file is ever answered otherwise: one load. Else whether path may name a
// bundle, by its last letter. No lock, no allocation. path: not null.
bool may_be_trusted_file(const char* path);

enum class TrustedFile {
  kOther,     // an ordinary file
  kOurs,      // the session's ca.pem, which must be there before it is opened
  kPem,       // a PEM bundle of CAs
  kKeyStore,  // Java's
};
// REQUIRES: may_be_trusted_file(path).
TrustedFile trusted_file(const char* path);

// Where the session's CA is or will be; null where nothing is to be trusted.
const char* session_ca_path();
// True once the session's CA exists; made if need be. False where it can't be, which has
// then been logged. REQUIRES: OwnWork; not in a child of vfork(2).
bool have_session_ca();
// The same without making it.
bool session_ca_exists();

// A descriptor, close-on-exec and for reading, on what the program is to find in path; -1
// where the file itself will do. REQUIRES: as have_session_ca.
int open_trusted(const char* path, TrustedFile kind);

}  // namespace recshim::runtime
