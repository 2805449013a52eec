// One target under libFuzzer. RECSHIM_FUZZ_TARGET names it; RECSHIM_FUZZ_SEEDS is a folder that
// gets its seeds.
#include <cstring>
#include <fstream>

#include "tests/fuzz/targets.h"

namespace {
const recshim::fuzz::Target* chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = getenv("RECSHIM_FUZZ_TARGET");
  for (const auto& target : recshim::fuzz::targets()) {
    if (name && strcmp(target.name, name) == 0) chosen = &target;
  }
  recshim::fuzz::require(chosen != nullptr, "RECSHIM_FUZZ_TARGET names a target");
  if (const char* folder = getenv("RECSHIM_FUZZ_SEEDS")) {
    int number = 0;
    for (const auto& seed : chosen->seeds()) {
      std::ofstream(std::string(folder) + "/seed-" + std::to_string(number++), std::ios::binary)
          << seed;
    }
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
