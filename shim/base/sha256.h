// SHA-256 (FIPS 180-4).
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
  std::array<uint32_t, 8> state_;
  std::array<uint8_t, 64> block_;  // holds size_bytes_ % 64 bytes
  uint64_t size_bytes_ = 0;
};

}  // namespace recshim
