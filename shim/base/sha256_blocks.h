// SHA-256's block function by the processor's own instructions (Intel's SHA extensions), where it
// has them: about ten times as fast as libmd's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace recshim {

// Whether hash_blocks() may be called on this processor.
bool can_hash_blocks();

// Takes count blocks of 64 bytes into state, the eight words H of FIPS 180-4 §6.2.
// REQUIRES: can_hash_blocks(). Threads: any.
void hash_blocks(uint32_t state[8], const uint8_t* bytes, size_t count);

}  // namespace recshim
