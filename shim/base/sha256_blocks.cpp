// See sha256_blocks.h. What the instructions do is in Intel's Software Developer's Manual,
// volume 2.
#include "shim/base/sha256_blocks.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace recshim {
namespace {

// K of FIPS 180-4 §4.2.2.
alignas(16) constexpr uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

constexpr int kGroups = 16;  // of four rounds each

}  // namespace

bool can_hash_blocks() {
  __builtin_cpu_init();  // for who asks in a constructor; nothing the second time
  return __builtin_cpu_supports("sha") != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

__attribute__((target("sha,sse4.1,ssse3"))) void hash_blocks(uint32_t state[8],
                                                             const uint8_t* bytes, size_t count) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // The instructions want the words in the order F E B A and H G D C, the first one lowest.
  const __m128i badc = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<__m128i*>(state)), 0xB1);
  const __m128i hgfe =
      _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<__m128i*>(state + 4)), 0x1B);
  __m128i feba = _mm_alignr_epi8(badc, hgfe, 8);
  __m128i hgdc = _mm_blend_epi16(hgfe, badc, 0xF0);

  for (; count > 0; --count, bytes += 64) {
    const __m128i feba_before = feba;
    const __m128i hgdc_before = hgdc;
    __m128i words[4];  // the message schedule's last sixteen words
#pragma GCC unroll 16
    for (int group = 0; group < kGroups; ++group) {
      __m128i& word = words[group % 4];
      if (group < 4) {
        word = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + group);
        word = _mm_shuffle_epi8(word, big_endian);
      } else {
        const __m128i last = words[(group + 3) % 4];
        const __m128i seven_back = _mm_alignr_epi8(last, words[(group + 2) % 4], 4);
        word = _mm_sha256msg1_epu32(word, words[(group + 1) % 4]);
        word = _mm_sha256msg2_epu32(_mm_add_epi32(word, seven_back), last);
      }
      const __m128i sum = _mm_add_epi32(
          word, _mm_load_si128(reinterpret_cast<const __m128i*>(kRoundConstants) + group));
      // Each does two rounds and gives what the other one is after them.
      hgdc = _mm_sha256rnds2_epu32(hgdc, feba, sum);
      feba = _mm_sha256rnds2_epu32(feba, hgdc, _mm_shuffle_epi32(sum, 0x0E));
    }
    feba = _mm_add_epi32(feba, feba_before);
    hgdc = _mm_add_epi32(hgdc, hgdc_before);
  }

  const __m128i abef = _mm_shuffle_epi32(feba, 0x1B);
  const __m128i ghcd = _mm_shuffle_epi32(hgdc, 0xB1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(abef, ghcd, 0xF0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(ghcd, abef, 8));
}

}  // namespace recshim

#else

namespace recshim {

bool can_hash_blocks() {
  return false;
}
void hash_blocks(uint32_t*, const uint8_t*, size_t) {}

}  // namespace recshim

#endif
