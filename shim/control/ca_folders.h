// The folders of certificates that a program's environment names. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace recshim::control {

inline constexpr char kCaFoldersVariable[] = "SSL_CERT_DIR";

// value: of that variable, folders between colons. Without empty ones and without their last
// slashes. Source: openssl-env(7).
std::vector<std::string> ca_folders(std::string_view value);

}  // namespace recshim::control
