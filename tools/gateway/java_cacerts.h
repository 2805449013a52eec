// Java's trust store with the session's authority added. Knows the two formats that Java
// writes, and nothing of connections.
#pragma once

#include <string>

#include "shim/base/result.h"
#include "tools/gateway/openssl_ptr.h"

namespace recshim::gateway {

// store:   the bytes of a JKS or PKCS #12 key store, which the password (of PKCS #12:
//          "changeit" or none) need not open if it is JKS.
// Returns: a JKS store of its certificates and ours, password "changeit".
// Errors:  kInvalid for what is neither, or can't be opened.
// Source:  the JKS format as sun.security.provider.JavaKeyStore writes it: magic, version 2,
//          a count, entries, and SHA-1 over the password, a phrase and all of that.
Result<std::string> java_store_with(const std::string& store, X509* authority);

}  // namespace recshim::gateway
