#include "tests/fuzz/targets.h"

namespace recshim::fuzz {

const std::vector<Target>& targets() {
  static const std::vector<Target> kTargets = {
#define RECSHIM_FUZZ_TARGET(name) {#name, fuzz_##name, seeds_##name},
#include "tests/fuzz/targets.def"
#undef RECSHIM_FUZZ_TARGET
  };
  return kTargets;
}

std::vector<std::string_view> cut(std::string_view bytes, uint8_t how) {
  std::vector<std::string_view> pieces;
  uint32_t state = how;
  while (!bytes.empty()) {
    state = state * 1664525 + 1013904223;
    const size_t size = how == 0 ? 1 : 1 + (state >> 24) % (how < 128 ? 8 : 64);
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

}  // namespace recshim::fuzz
