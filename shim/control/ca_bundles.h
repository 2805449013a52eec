// Where systems keep the certificate authorities that they trust.
#pragma once

#include <array>
#include <string>

#include "shim/base/env.h"

namespace recshim::control {

// Where distributions keep their bundle, and where TLS libraries built for others look.
// Source: crypto/x509/root_linux.go in Go, rustls-native-certs, OpenSSL's defaults.
inline constexpr std::array kSystemBundles = {
    "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // CentOS
    "/etc/ssl/ca-bundle.pem",                             // openSUSE
    "/etc/ssl/cert.pem",                                  // Alpine, the BSDs, portable builds
    "/etc/pki/tls/cert.pem",
    "/usr/lib/ssl/cert.pem",
    "/usr/local/ssl/cert.pem",
    "/usr/local/etc/openssl/cert.pem",
};

// The first of them that is there; empty: none.
std::string system_bundle(Env& env);

}  // namespace recshim::control
