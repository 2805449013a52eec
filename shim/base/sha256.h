// SHA-256 by libmd (FIPS 180-4).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace recshim {

// Lower-case hex digest of bytes.
std::string sha256_hex(std::string_view bytes);

// Incremental form. Threads: external synchronisation.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // Ends the computation; the object must not be used again.
  std::string finish_hex();

 private:
  alignas(8) std::array<unsigned char, 256> state_;
};

}  // namespace recshim
